/* running.c - a mapped file of slots: what each order was doing, one byte at a time. */
/*
 * A killed process leaves every store it has made, so a slot's state is the last byte written when
 * it is taken and the first when it is given back.
 */
#include "worker/running.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/hash.h"

#define FILE_MAGIC   UINT64_C(0x006e757279727265) /* "erryrun" */
#define FILE_VERSION 1
#define SLOT_READING 0 /* of the record that is being read; orders begin behind it */
#define DEATHS_MAX   UINT8_MAX

enum slot_state { SLOT_FREE, SLOT_IDLE, SLOT_RUNNING, SLOT_ALONE, SLOT_STATE_COUNT };

struct slot {
    uint64_t identity;
    _Atomic uint8_t state;
    uint8_t deaths;       /* while it was running or being read */
    uint8_t alone_deaths; /* of these, alone */
    uint8_t read_deaths;  /* of these, being read */
    uint8_t culprit;      /* 1: the last one, alone, was the process's own fault */
    uint8_t crashes;      /* deaths that were its own fault, alone or not */
    uint8_t reserved[2];
};

struct file {
    uint64_t magic;
    uint32_t version, slot_count;
    _Atomic uint32_t crashed; /* 1: the process died of its own fault */
    uint32_t reserved;
    struct slot slots[FY_RUNNING_SLOTS];
};
static_assert(sizeof(struct slot) == 16, "the file's layout");
static_assert(sizeof(struct file) == 24 + 16 * FY_RUNNING_SLOTS, "the file's layout");

struct fy_running {
    int fd; /* has the lock that says that we live */
    struct file *file;
    uint32_t end;    /* slots from here on are free */
    size_t suspects; /* slots with a death to their name */
    uint32_t *spare; /* free slots below end */
    size_t spare_count;
};

static enum slot_state state_of(const struct slot *slot)
{
    return (enum slot_state)atomic_load_explicit(&slot->state, memory_order_acquire);
}

static void set_state(struct slot *slot, enum slot_state state)
{
    atomic_store_explicit(&slot->state, (uint8_t)state, memory_order_release);
}

/* ------------------------------------------------------------------ slots */

static struct slot *find(const struct fy_running *running, uint64_t identity)
{
    if (running == NULL || running->suspects == 0)
        return NULL;
    for (uint32_t i = SLOT_READING + 1; i < running->end; i++) {
        struct slot *slot = &running->file->slots[i];
        if (slot->identity == identity && slot->deaths > 0 && state_of(slot) != SLOT_FREE)
            return slot;
    }
    return NULL;
}

static void free_slot(struct fy_running *running, struct slot *slot)
{
    if (slot->deaths > 0)
        running->suspects--;
    set_state(slot, SLOT_FREE);
    running->spare[running->spare_count++] = (uint32_t)(slot - running->file->slots);
}

/* All are taken: whoever has died least, and does not run now, is forgotten. */
static void evict(struct fy_running *running)
{
    struct slot *least = NULL;
    for (uint32_t i = SLOT_READING + 1; i < running->end; i++) {
        struct slot *slot = &running->file->slots[i];
        if (state_of(slot) == SLOT_IDLE && (least == NULL || slot->deaths < least->deaths))
            least = slot;
    }
    FY_ASSERT(least != NULL); /* half of the slots suffice for all that can run */
    free_slot(running, least);
}

static struct slot *take_slot(struct fy_running *running, uint64_t identity)
{
    if (running->spare_count == 0 && running->end == FY_RUNNING_SLOTS)
        evict(running);
    uint32_t index =
        running->spare_count > 0 ? running->spare[--running->spare_count] : running->end++;
    struct slot *slot = &running->file->slots[index];
    FY_ASSERT(state_of(slot) == SLOT_FREE);
    slot->identity = identity;
    slot->deaths = slot->alone_deaths = slot->read_deaths = slot->culprit = 0;
    slot->crashes = 0;
    return slot;
}

/* ------------------------------------------------------------------ counting, once at the start */

static void raise_count(uint8_t *count)
{
    if (*count < DEATHS_MAX)
        (*count)++;
}

static void count_death(struct slot *slot, bool crashed)
{
    enum slot_state state = state_of(slot);
    if (state == SLOT_RUNNING || state == SLOT_ALONE)
        raise_count(&slot->deaths);
    if (crashed && (state == SLOT_RUNNING || state == SLOT_ALONE))
        raise_count(&slot->crashes);
    if (state == SLOT_ALONE) {
        raise_count(&slot->alone_deaths);
        slot->culprit = crashed ? 1 : 0;
    }
    set_state(slot, SLOT_IDLE);
}

static void count_reading(struct fy_running *running, const struct slot *reading)
{
    struct slot *slot = find(running, reading->identity);
    if (slot == NULL) {
        slot = take_slot(running, reading->identity);
        running->suspects++;
    }
    raise_count(&slot->deaths);
    raise_count(&slot->read_deaths);
    set_state(slot, SLOT_IDLE);
}

static bool makes_sense(const struct slot *slot)
{
    enum slot_state state = state_of(slot);
    return state != SLOT_FREE && state < SLOT_STATE_COUNT && slot->identity != 0;
}

static void count_all(struct fy_running *running)
{
    struct file *file = running->file;
    bool crashed = atomic_load(&file->crashed) == 1;
    for (uint32_t i = SLOT_READING + 1; i < FY_RUNNING_SLOTS; i++) {
        struct slot *slot = &file->slots[i];
        if (makes_sense(slot))
            count_death(slot, crashed);
        if (!makes_sense(slot) || slot->deaths == 0) {
            set_state(slot, SLOT_FREE);
            continue;
        }
        running->suspects++;
        running->end = i + 1;
    }
    for (uint32_t i = SLOT_READING + 1; i < running->end; i++)
        if (state_of(&file->slots[i]) == SLOT_FREE)
            running->spare[running->spare_count++] = i;
    if (makes_sense(&file->slots[SLOT_READING]))
        count_reading(running, &file->slots[SLOT_READING]);
    set_state(&file->slots[SLOT_READING], SLOT_FREE);
    atomic_store(&file->crashed, 0);
}

/* ------------------------------------------------------------------ open, close */

static bool is_ours(const struct file *file)
{
    return file->magic == FILE_MAGIC && file->version == FILE_VERSION &&
           file->slot_count == FY_RUNNING_SLOTS;
}

static void begin_anew(struct file *file)
{
    memset(file, 0, sizeof(*file));
    file->slot_count = FY_RUNNING_SLOTS;
    file->version = FILE_VERSION;
    file->magic = FILE_MAGIC;
}

static enum fy_code map_file(int fd, struct file **file, struct fy_err *err)
{
    struct stat seen;
    if (fstat(fd, &seen) != 0)
        return fy_err_set(err, FY_EIO, "%s", strerror(errno));
    bool whole = seen.st_size == (off_t)sizeof(struct file);
    if (!whole && ftruncate(fd, 0) != 0)
        return fy_err_set(err, FY_EIO, "%s", strerror(errno));
    /* With its space: a store into a hole would be SIGBUS when the disk is full. */
    int failed = posix_fallocate(fd, 0, (off_t)sizeof(struct file));
    if (failed != 0)
        return fy_err_set(err, failed == ENOSPC ? FY_ENOSPACE : FY_EIO, "%s", strerror(failed));
    void *mapped = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return fy_err_set(err, FY_EIO, "%s", strerror(errno));
    *file = mapped;
    if (!is_ours(*file))
        begin_anew(*file);
    return FY_OK;
}

/* The lock goes with the process, however it ends. *fd -1: another one has the file. */
static enum fy_code lock_file(const char *path, int *fd, struct fy_err *err)
{
    int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (opened < 0)
        return fy_err_set(err, FY_EIO, "open %s: %s", path, strerror(errno));
    *fd = opened;
    if (flock(opened, LOCK_EX | LOCK_NB) == 0)
        return FY_OK;
    int number = errno;
    (void)close(opened); /* nothing was written to it */
    *fd = -1;
    return number == EWOULDBLOCK ? FY_OK
                                 : fy_err_set(err, FY_EIO, "lock %s: %s", path, strerror(number));
}

static enum fy_code lock_first(const char *folder, int *fd, struct fy_err *err)
{
    char path[PATH_MAX];
    enum fy_code code = FY_OK;
    for (int i = 0; code == FY_OK && *fd < 0 && i < FY_RUNNING_FILES; i++) {
        int length = i == 0 ? snprintf(path, sizeof(path), "%s/running", folder)
                            : snprintf(path, sizeof(path), "%s/running.%d", folder, i);
        if (length < 0 || (size_t)length >= sizeof(path))
            return fy_err_set(err, FY_EINPUT, "%s: the path is too long", folder);
        code = lock_file(path, fd, err);
    }
    if (code == FY_OK && *fd < 0)
        return fy_err_set(err, FY_EBUSY, "%s: %d workers have their files there", folder,
                          FY_RUNNING_FILES);
    return code;
}

enum fy_code fy_running_open(const char *folder, struct fy_running **running, struct fy_err *err)
{
    FY_ASSERT(*running == NULL);
    int fd = -1;
    struct file *file = NULL;
    enum fy_code code = lock_first(folder, &fd, err);
    if (code != FY_OK)
        return code;
    code = map_file(fd, &file, err);
    if (code != FY_OK) {
        (void)close(fd); /* nothing was written through it */
        return fy_err_add(err, "map the file of running orders in %s", folder);
    }
    FY_ASSERT(file != NULL);
    struct fy_running *opened = fy_alloc(sizeof(*opened));
    opened->fd = fd;
    opened->file = file;
    opened->end = SLOT_READING + 1;
    opened->spare = fy_alloc(FY_RUNNING_SLOTS * sizeof(*opened->spare));
    count_all(opened);
    *running = opened;
    return FY_OK;
}

void fy_running_close(struct fy_running *running, bool clean)
{
    if (running == NULL)
        return;
    if (clean)
        begin_anew(running->file);
    (void)munmap(running->file, sizeof(struct file)); /* it was mapped */
    (void)close(running->fd);                         /* lets others have it */
    free(running->spare);
    free(running);
}

void fy_running_crashed(struct fy_running *running)
{
    if (running != NULL)
        atomic_store(&running->file->crashed, 1);
}

/* ------------------------------------------------------------------ questions */

uint64_t fy_running_identity(uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t words[] = {a, b, c};
    uint64_t hash = fy_hash_bytes(FY_HASH_START, words, sizeof(words));
    return hash != 0 ? hash : 1;
}

enum fy_suspicion fy_running_ask(const struct fy_running *running, uint64_t identity)
{
    const struct slot *slot = find(running, identity);
    if (slot == NULL)
        return FY_UNSUSPECTED;
    /* Reading takes microseconds and is alone on its thread: nobody is hit there three times by
     * chance. */
    if (slot->read_deaths >= FY_SUSPECT_DEATHS)
        return FY_CULPRIT_UNREADABLE;
    if (slot->culprit != 0 || slot->alone_deaths >= FY_SUSPECT_KILLS)
        return FY_CULPRIT;
    /* Whoever kills a busy worker from outside hits hundreds, and each alone would take long. */
    bool suspect = slot->crashes >= FY_SUSPECT_DEATHS || slot->deaths >= FY_SUSPECT_KILLS;
    return suspect ? FY_SUSPECT : FY_UNSUSPECTED;
}

uint32_t fy_running_deaths(const struct fy_running *running, uint64_t identity)
{
    const struct slot *slot = find(running, identity);
    return slot != NULL ? slot->deaths : 0;
}

size_t fy_running_suspects(const struct fy_running *running)
{
    return running != NULL ? running->suspects : 0;
}

/* ------------------------------------------------------------------ running */

void fy_running_read_begin(struct fy_running *running, uint64_t identity)
{
    if (running == NULL)
        return;
    running->file->slots[SLOT_READING].identity = identity;
    set_state(&running->file->slots[SLOT_READING], SLOT_RUNNING);
}

void fy_running_read_end(struct fy_running *running)
{
    if (running != NULL)
        set_state(&running->file->slots[SLOT_READING], SLOT_FREE);
}

uint32_t fy_running_begin(struct fy_running *running, uint64_t identity, bool alone)
{
    if (running == NULL)
        return 0;
    struct slot *slot = find(running, identity);
    if (slot == NULL)
        slot = take_slot(running, identity);
    set_state(slot, alone ? SLOT_ALONE : SLOT_RUNNING);
    return (uint32_t)(slot - running->file->slots);
}

void fy_running_join(struct fy_running *running, uint32_t slot)
{
    if (running != NULL)
        set_state(&running->file->slots[slot], SLOT_RUNNING);
}

void fy_running_end(struct fy_running *running, uint32_t slot)
{
    if (running == NULL || slot == 0)
        return;
    struct slot *ended = &running->file->slots[slot];
    if (ended->deaths > 0)
        set_state(ended, SLOT_IDLE);
    else
        free_slot(running, ended);
}

void fy_running_forget(struct fy_running *running, uint64_t identity)
{
    struct slot *slot = find(running, identity);
    if (slot != NULL && state_of(slot) == SLOT_IDLE)
        free_slot(running, slot);
}
