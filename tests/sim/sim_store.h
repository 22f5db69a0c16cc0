/* sim_store.h - the store port in memory: a disk that outlives the processes that use it. */
#ifndef FY_TESTS_SIM_SIM_STORE_H
#define FY_TESTS_SIM_SIM_STORE_H

#include "common/ports/store.h"
#include "tests/sim/fiber.h"

struct sim_store_faults {
    uint32_t begin_one_of;  /* attempts that find no room, or a failing disk */
    uint32_t write_one_of;  /* writes that fail, half of them after a part */
    uint32_t finish_one_of; /* fsyncs that fail; half of them leave the file */
    uint32_t read_one_of;   /* opens and reads that fail */
    int64_t delay_us_max;   /* of an fsync */
};

struct sim_disk;
struct sim_body {
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    char boot_id[32];
    int64_t size;
    char *bytes;
    bool removed;          /* its bytes stay, for whoever reads it, and for the judge */
    struct sim_body *next; /* of a kept file */
};
struct sim_disk *sim_disk_new(void);
void sim_disk_free(struct sim_disk *disk);
void sim_disk_faults(struct sim_disk *disk, const struct sim_store_faults *faults);
const struct sim_body *sim_disk_body(const struct sim_disk *disk, const char *blob_ref);
size_t sim_disk_count(const struct sim_disk *disk); /* bodies that are there */

struct fy_store *sim_store_open(struct sim_disk *disk, const char *boot_id);

#endif
