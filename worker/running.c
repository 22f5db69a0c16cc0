/* running.c - a mapped file of slots: what each order is doing, one byte at a time. */
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
#include <unistd.h>

#include "common/core/hash.h"
#include "worker/mapped.h"
#include "worker/suspects.h"

#define FILE_MAGIC   UINT64_C(0x006e757279727265) /* "erryrun" */
#define FILE_VERSION 2
#define SLOT_READING 0 /* of the record that is being read; orders begin behind it */

enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_ALONE };

struct slot {
    uint64_t identity;
    _Atomic uint8_t state;
    uint8_t reserved[7];
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
    char *folder;
    int number; /* of our file: 0 is "running" */
    int fd;     /* has the lock that says that we live */
    struct file *file;
    struct fy_suspects *suspects; /* the folder's */
    uint32_t end;                 /* slots from here on are free */
    uint32_t *spare;              /* free slots below end */
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

/* ------------------------------------------------------------------ counting what was left */

static void count_slot(struct fy_suspects *suspects, struct slot *slot, bool reading, bool crashed)
{
    enum slot_state state = state_of(slot);
    bool alone = state == SLOT_ALONE;
    uint64_t identity = slot->identity;
    set_state(slot, SLOT_FREE); /* first: who dies here counts once too little, not too often */
    if (identity == 0 || (state != SLOT_RUNNING && state != SLOT_ALONE))
        return;
    fy_suspects_add(suspects, identity,
                    (struct fy_deaths){.all = 1,
                                       .crashes = crashed && !reading ? 1 : 0,
                                       .alone = alone ? 1 : 0,
                                       .reading = reading ? 1 : 0,
                                       .culprit = alone && crashed ? 1 : 0});
}

/* A death for each that was running: the process whose file it was is no more. */
static void count_all(struct fy_suspects *suspects, struct file *file)
{
    bool crashed = atomic_load(&file->crashed) == 1;
    for (uint32_t i = 0; i < FY_RUNNING_SLOTS; i++)
        count_slot(suspects, &file->slots[i], i == SLOT_READING, crashed);
    atomic_store(&file->crashed, 0);
}

/* ------------------------------------------------------------------ files */

static void begin_anew(struct file *file)
{
    memset(file, 0, sizeof(*file));
    file->slot_count = FY_RUNNING_SLOTS;
    file->version = FILE_VERSION;
    file->magic = FILE_MAGIC;
}

static enum fy_code map_file(int fd, struct file **file, struct fy_err *err)
{
    void *mapped = NULL;
    bool whole = false;
    enum fy_code code = fy_mapped_open(fd, sizeof(struct file), &mapped, &whole, err);
    if (code != FY_OK)
        return code;
    struct file *opened = mapped;
    bool ours = opened->magic == FILE_MAGIC && opened->version == FILE_VERSION &&
                opened->slot_count == FY_RUNNING_SLOTS;
    if (!whole || !ours)
        begin_anew(opened);
    *file = opened;
    return FY_OK;
}

/* false: the path is too long. */
static bool path_of(const char *folder, int number, char path[static PATH_MAX])
{
    int length = number == 0 ? snprintf(path, PATH_MAX, "%s/running", folder)
                             : snprintf(path, PATH_MAX, "%s/running.%d", folder, number);
    return length > 0 && length < PATH_MAX;
}

/* The lock goes with the process, however it ends. *fd -1: somebody living has the file. */
static enum fy_code lock_file(const char *path, int flags, int *fd, struct fy_err *err)
{
    int opened = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (opened < 0)
        return fy_err_set(err, errno == ENOENT ? FY_ENOTFOUND : FY_EIO, "open %s: %s", path,
                          strerror(errno));
    *fd = opened;
    if (flock(opened, LOCK_EX | LOCK_NB) == 0)
        return FY_OK;
    int number = errno;
    (void)close(opened); /* nothing was written to it */
    *fd = -1;
    return number == EWOULDBLOCK ? FY_OK
                                 : fy_err_set(err, FY_EIO, "lock %s: %s", path, strerror(number));
}

/* ------------------------------------------------------------------ the others' files */

static void count_file(struct fy_running *running, int fd)
{
    struct file *file = NULL;
    struct fy_err err = {0};
    if (map_file(fd, &file, &err) != FY_OK)
        return; /* whoever starts with it will say so */
    FY_ASSERT(file != NULL);
    count_all(running->suspects, file);
    (void)munmap(file, sizeof(*file)); /* it was mapped */
}

/* Counts what dead ones have left, and how many live. Who starts meanwhile takes a file further on.
 */
static size_t look_at_others(struct fy_running *running)
{
    size_t living = 0;
    for (int i = 0; i < FY_RUNNING_FILES; i++) {
        char path[PATH_MAX];
        int fd = -1;
        struct fy_err err = {0};
        if (i == running->number)
            continue;
        FY_ASSERT(path_of(running->folder, i, path)); /* ours is as long */
        enum fy_code code = lock_file(path, 0, &fd, &err);
        if (code == FY_ENOTFOUND)
            break; /* they are made in order */
        living += code == FY_OK && fd < 0 ? 1 : 0;
        if (fd < 0)
            continue;
        count_file(running, fd);
        (void)close(fd); /* nothing was written through it */
    }
    return living;
}

void fy_running_look(struct fy_running *running)
{
    if (running != NULL)
        (void)look_at_others(running);
}

/* ------------------------------------------------------------------ open, close */

static enum fy_code lock_first(struct fy_running *running, struct fy_err *err)
{
    char path[PATH_MAX];
    for (int i = 0; i < FY_RUNNING_FILES; i++) {
        if (!path_of(running->folder, i, path))
            return fy_err_set(err, FY_EINPUT, "%s: the path is too long", running->folder);
        enum fy_code code = lock_file(path, O_CREAT, &running->fd, err);
        if (code != FY_OK)
            return code == FY_ENOTFOUND ? fy_err_set(err, FY_EIO, "%s is not there", path) : code;
        running->number = i;
        if (running->fd >= 0)
            return FY_OK;
    }
    return fy_err_set(err, FY_EBUSY, "%s: %d workers have their files there", running->folder,
                      FY_RUNNING_FILES);
}

static void running_free(struct fy_running *running)
{
    if (running->file != NULL)
        (void)munmap(running->file, sizeof(struct file)); /* it was mapped */
    fy_suspects_close(running->suspects);
    if (running->fd >= 0)
        (void)close(running->fd); /* lets others have it */
    free(running->spare);
    free(running->folder);
    free(running);
}

enum fy_code fy_running_open(const char *folder, struct fy_running **running, struct fy_err *err)
{
    FY_ASSERT(*running == NULL);
    struct fy_running *opened = fy_alloc(sizeof(*opened));
    opened->folder = fy_strdup(folder);
    opened->fd = -1;
    opened->end = SLOT_READING + 1;
    opened->spare = fy_alloc(FY_RUNNING_SLOTS * sizeof(*opened->spare));
    enum fy_code code = lock_first(opened, err);
    if (code == FY_OK)
        code = fy_suspects_open(folder, &opened->suspects, err);
    if (code == FY_OK && map_file(opened->fd, &opened->file, err) != FY_OK)
        code = fy_err_add(err, "map the file of running orders in %s", folder);
    if (code != FY_OK) {
        running_free(opened);
        return code;
    }
    count_all(opened->suspects, opened->file);
    (void)look_at_others(opened);
    *running = opened;
    return FY_OK;
}

void fy_running_close(struct fy_running *running, bool clean)
{
    if (running == NULL)
        return;
    if (clean)
        begin_anew(running->file);
    if (clean && look_at_others(running) == 0)
        fy_suspects_clear(running->suspects);
    running_free(running);
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
    if (running == NULL)
        return FY_UNSUSPECTED;
    const struct fy_deaths deaths = fy_suspects_of(running->suspects, identity);
    /* Reading takes microseconds and is alone on its thread: nobody is hit there three times by
     * chance. */
    if (deaths.reading >= FY_SUSPECT_DEATHS)
        return FY_CULPRIT_UNREADABLE;
    if (deaths.culprit != 0 || deaths.alone >= FY_SUSPECT_KILLS)
        return FY_CULPRIT;
    /* Whoever kills a busy worker from outside hits hundreds, and each alone would take long. */
    bool suspect = deaths.crashes >= FY_SUSPECT_DEATHS || deaths.all >= FY_SUSPECT_KILLS;
    return suspect ? FY_SUSPECT : FY_UNSUSPECTED;
}

uint32_t fy_running_deaths(const struct fy_running *running, uint64_t identity)
{
    return running != NULL ? fy_suspects_of(running->suspects, identity).all : 0;
}

size_t fy_running_suspects(const struct fy_running *running)
{
    return running != NULL ? fy_suspects_count(running->suspects) : 0;
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
    uint32_t index =
        running->spare_count > 0 ? running->spare[--running->spare_count] : running->end++;
    FY_ASSERT(index < FY_RUNNING_SLOTS); /* there is one for all that can run */
    struct slot *slot = &running->file->slots[index];
    FY_ASSERT(state_of(slot) == SLOT_FREE);
    slot->identity = identity;
    set_state(slot, alone ? SLOT_ALONE : SLOT_RUNNING);
    return index;
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
    set_state(&running->file->slots[slot], SLOT_FREE);
    running->spare[running->spare_count++] = slot;
}

void fy_running_forget(struct fy_running *running, uint64_t identity)
{
    if (running != NULL)
        fy_suspects_forget(running->suspects, identity);
}
