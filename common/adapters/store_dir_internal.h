/* store_dir_internal.h - what the files of the folder store share. Nobody else includes it. */
#ifndef FY_ADAPTERS_STORE_DIR_INTERNAL_H
#define FY_ADAPTERS_STORE_DIR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "common/adapters/store_dir.h"
#include "common/ports/sha256.h"

/* ---- store_dir_name.c: what bodies are called ---- */

#define STORE_DIR_REF_PREFIX    "file:"
#define STORE_DIR_TEMP_PREFIX   ".tmp-"
#define STORE_DIR_RANDOM_BYTES  16
#define STORE_DIR_RANDOM_DIGITS 26 /* base32hex of those */
#define STORE_DIR_NAME_BYTES                                                                       \
    (sizeof(STORE_DIR_TEMP_PREFIX) - 1 + FY_STORE_DIR_BOOT_BYTES_MAX + 1 +                         \
     STORE_DIR_RANDOM_DIGITS + 1)

/* Where a body is: all that a blob_ref says. */
struct store_dir_name {
    uint32_t shard; /* 0..FY_STORE_SHARDS - 1 */
    bool temp;      /* an unfinished one, see store_dir.h */
    char boot_id[FY_STORE_DIR_BOOT_BYTES_MAX + 1];
    char file[STORE_DIR_NAME_BYTES]; /* inside the shard, with its zero byte */
};

bool store_dir_boot_id_is_valid(const char *boot_id);
/* A new name that nobody else ever had: 128 random bits. */
void store_dir_name_new(const char *boot_id, struct store_dir_name *name);
/* The same body while unfinished. */
void store_dir_name_temp(const struct store_dir_name *name, char file[static STORE_DIR_NAME_BYTES]);
/* false: file is not what this store calls a body; then *name is undefined. */
FY_MUST_CHECK bool store_dir_name_of_file(uint32_t shard, const char *file,
                                          struct store_dir_name *name);
/* FY_EINTERNAL for anything but what store_dir_ref_print writes: it came from our own catalogue. */
FY_MUST_CHECK enum fy_code store_dir_ref_parse(const char *blob_ref, struct store_dir_name *name,
                                               struct fy_err *err);
void store_dir_ref_print(const struct store_dir_name *name,
                         char blob_ref[static FY_BLOB_REF_BYTES_MAX + 1]);
void store_dir_shard_print(uint32_t shard, char text[static 3]);

/* ---- store_dir_shard.c: one folder of bodies, and its fsync shared by all who need it ---- */

struct store_dir_shard {
    int fd; /* the folder; written by open only */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t ended; /* an fsync of the folder has ended */
    bool syncing;         /* one thread is in fsync */
    uint64_t begun;       /* fsyncs begun so far; done is the number of the last one that ended */
    uint64_t done;
    uint64_t failed; /* how many of them failed, and why the last one did */
    int failed_errno;
};

/* Makes the folder in root when absent (root then needs an fsync) and opens it. */
FY_MUST_CHECK enum fy_code store_dir_shard_open(struct store_dir_shard *shard, int root_fd,
                                                const char *name, struct fy_err *err);
void store_dir_shard_close(struct store_dir_shard *shard);
/* To be taken before names are made in the folder, and given to store_dir_shard_sync after. */
uint64_t store_dir_shard_ticket(struct store_dir_shard *shard);
/* Makes all names durable that this thread made since the ticket. Errors: FY_EIO, FY_ENOSPACE. */
FY_MUST_CHECK enum fy_code store_dir_shard_sync(struct store_dir_shard *shard, uint64_t ticket,
                                                struct fy_err *err);

/* ---- store_dir_space.c: free space, measured now and then ---- */

struct store_dir_space {
    int root_fd;
    int64_t floor_bytes;

    /* Any thread. */
    _Atomic int64_t promised_bytes; /* size hints of running writers, less what they have written */
    _Atomic int64_t free_bytes;     /* as last measured */
    _Atomic int64_t measured_ms;    /* when, on the monotonic clock */
    _Atomic bool below;             /* the floor was passed, and its 1.1-fold not reached since */
    pthread_mutex_t mutex;          /* one measures, the others wait for it */
};

void store_dir_space_init(struct store_dir_space *space, int root_fd, int64_t floor_bytes);
void store_dir_space_done(struct store_dir_space *space);
FY_MUST_CHECK enum fy_code store_dir_space_get(struct store_dir_space *space, int64_t *free_bytes,
                                               bool *above_floor, struct fy_err *err);
/* Sets promise_bytes (0: unknown) aside for one writer. Errors: FY_ENOSPACE, nothing was set aside;
 * FY_EIO. */
FY_MUST_CHECK enum fy_code store_dir_space_take(struct store_dir_space *space,
                                                int64_t promise_bytes, struct fy_err *err);
/* Gives back what was written meanwhile, or never will be. */
void store_dir_space_give(struct store_dir_space *space, int64_t bytes);
/* Before bytes are written that nobody promised. Errors: FY_ENOSPACE, FY_EIO. */
FY_MUST_CHECK enum fy_code store_dir_space_unpromised(struct store_dir_space *space,
                                                      struct fy_err *err);
/* The disk said that it is full: the next look measures. */
void store_dir_space_forget(struct store_dir_space *space);

/* ---- store_dir.c, store_dir_writer.c: the port ---- */

struct store_dir {
    struct fy_store port; /* first, so that a struct fy_store * converts back */

    /* Written once by fy_store_dir_open, then read by any thread. */
    char boot_id[FY_STORE_DIR_BOOT_BYTES_MAX + 1];
    int root_fd;
    bool nameless; /* the file system has O_TMPFILE, and linkat can name such a file */

    /* Any thread. */
    struct store_dir_space space;
    struct store_dir_shard shards[FY_STORE_SHARDS];
    struct store_dir_shard kept; /* the folder of the kept files */
    _Atomic uint32_t handles;    /* writers and readers that have not ended */
};

enum fy_code store_dir_begin(struct fy_store *port, int64_t size_hint, struct fy_writer **writer,
                             struct fy_err *err);
void store_dir_hash(struct fy_writer *writer, const void *bytes, size_t size_bytes);
enum fy_code store_dir_write(struct fy_writer *writer, const void *bytes, size_t size_bytes,
                             struct fy_err *err);
void store_dir_seal(struct fy_writer *writer, struct fy_stored *stored);
enum fy_code store_dir_finish(struct fy_writer *writer, struct fy_stored *stored,
                              struct fy_err *err);
enum fy_code store_dir_keep(struct fy_writer *writer, const char *name, struct fy_err *err);
void store_dir_abort(struct fy_writer *writer);

/* store_dir_kept.c */
enum fy_code store_dir_kept_open(struct fy_store *port, const char *name, struct fy_reader **reader,
                                 int64_t *size, struct fy_err *err);
enum fy_code store_dir_kept_remove(struct fy_store *port, const char *name, struct fy_err *err);
enum fy_code store_dir_kept_list(struct fy_store *port, fy_store_kept_fn *visit, void *arg,
                                 struct fy_err *err);
/* Opens a file of one of the store's folders for reading; shown: what an error calls it. */
enum fy_code store_dir_reader_open(struct store_dir *self, int folder_fd, const char *file,
                                   const char *shown, struct fy_reader **reader, int64_t *size,
                                   struct fy_err *err);
/* Shows each name of a folder. visit: false ends it. */
typedef bool store_dir_entry_fn(void *arg, int folder_fd, const char *file);
enum fy_code store_dir_each(int folder_fd, store_dir_entry_fn *visit, void *arg,
                            struct fy_err *err);

/* Opens a new unfinished file of that name in a shard, or gives -1 and errno. */
int store_dir_temp_open(bool nameless, int shard_fd, const struct store_dir_name *name);
/* Gives the unfinished file its name, never replacing another; 0, or -1 and errno. */
int store_dir_temp_publish(bool nameless, int shard_fd, int fd, const struct store_dir_name *name);

/* The same for a kept file, in the folder of those; errno EEXIST: the name is taken. */
int store_dir_temp_keep(bool nameless, int shard_fd, int fd, const struct store_dir_name *temp,
                        int kept_fd, const char *name);

/* Starts an error from errno's number: a full disk or quota is FY_ENOSPACE, all else FY_EIO. */
enum fy_code store_dir_fail(struct fy_err *err, int number, const char *doing);

#endif
