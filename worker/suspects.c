/* suspects.c - a mapped table of deaths, which workers change without a lock. */
#include "worker/suspects.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/core/bounds.h"
#include "worker/mapped.h"

#define FILE_MAGIC   UINT64_C(0x0074636570737573) /* "suspect" */
#define FILE_VERSION 1

struct entry {
    _Atomic uint64_t identity; /* 0: free */
    _Atomic uint64_t deaths;   /* a struct fy_deaths */
};

/* The file. */
struct fy_suspects {
    uint64_t magic;
    uint32_t version, entry_count;
    _Atomic uint32_t used; /* 0: all entries are free */
    uint32_t reserved;
    struct entry entries[FY_SUSPECTS_MAX];
};
static_assert(sizeof(struct fy_suspects) == 24 + 16 * FY_SUSPECTS_MAX, "the file's layout");

union packed {
    struct fy_deaths deaths;
    uint64_t word;
};
static_assert(sizeof(union packed) == sizeof(uint64_t), "an entry's deaths");

/* ------------------------------------------------------------------ open, close */

static void begin_anew(struct fy_suspects *self)
{
    fy_suspects_clear(self);
    self->entry_count = FY_SUSPECTS_MAX;
    self->version = FILE_VERSION;
    self->magic = FILE_MAGIC;
}

static enum fy_code map(int fd, struct fy_suspects **suspects, struct fy_err *err)
{
    void *mapped = NULL;
    bool whole = false;
    enum fy_code code = fy_mapped_open(fd, sizeof(struct fy_suspects), &mapped, &whole, err);
    if (code != FY_OK)
        return code;
    struct fy_suspects *self = mapped;
    bool ours = self->magic == FILE_MAGIC && self->version == FILE_VERSION &&
                self->entry_count == FY_SUSPECTS_MAX;
    if (!whole || !ours)
        begin_anew(self);
    *suspects = self;
    return FY_OK;
}

enum fy_code fy_suspects_open(const char *folder, struct fy_suspects **suspects, struct fy_err *err)
{
    FY_ASSERT(*suspects == NULL);
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/suspects", folder);
    if (length < 0 || (size_t)length >= sizeof(path))
        return fy_err_set(err, FY_EINPUT, "%s: the path is too long", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fy_err_set(err, FY_EIO, "open %s: %s", path, strerror(errno));
    enum fy_code code = map(fd, suspects, err);
    (void)close(fd); /* nothing was written through it */
    return code == FY_OK ? FY_OK : fy_err_add(err, "map %s", path);
}

void fy_suspects_close(struct fy_suspects *self)
{
    if (self != NULL)
        (void)munmap(self, sizeof(*self)); /* it was mapped */
}

/* ------------------------------------------------------------------ entries */

/* The i-th place where an order may stand. */
static struct entry *place(struct fy_suspects *self, uint64_t identity, uint32_t i)
{
    return &self->entries[(identity + i) % FY_SUSPECTS_MAX];
}

static struct entry *find(struct fy_suspects *self, uint64_t identity)
{
    if (atomic_load_explicit(&self->used, memory_order_relaxed) == 0)
        return NULL; /* nobody has died: the usual case */
    for (uint32_t i = 0; i < FY_SUSPECTS_PLACES; i++)
        if (atomic_load(&place(self, identity, i)->identity) == identity)
            return place(self, identity, i);
    return NULL;
}

static struct fy_deaths deaths_of(const struct entry *entry)
{
    const union packed packed = {.word = atomic_load(&entry->deaths)};
    return packed.deaths;
}

/* A free place, or that of whoever has died least. */
static struct entry *take_place(struct fy_suspects *self, uint64_t identity)
{
    struct entry *taken = place(self, identity, 0);
    for (uint32_t i = 0; i < FY_SUSPECTS_PLACES; i++) {
        struct entry *entry = place(self, identity, i);
        if (atomic_load(&entry->identity) == 0) {
            taken = entry;
            break;
        }
        if (deaths_of(entry).all < deaths_of(taken).all)
            taken = entry;
    }
    atomic_store(&taken->deaths, 0);
    atomic_store(&taken->identity, identity);
    return taken;
}

static void raise_count(uint8_t *count, uint8_t by)
{
    FY_ASSERT(by <= 1);
    if (*count < UINT8_MAX)
        *count = (uint8_t)(*count + by);
}

static uint64_t with_death(uint64_t word, const struct fy_deaths *death)
{
    union packed sum = {.word = word};
    raise_count(&sum.deaths.all, death->all);
    raise_count(&sum.deaths.crashes, death->crashes);
    raise_count(&sum.deaths.alone, death->alone);
    raise_count(&sum.deaths.reading, death->reading);
    if (death->alone != 0)
        sum.deaths.culprit = death->culprit;
    return sum.word;
}

void fy_suspects_add(struct fy_suspects *self, uint64_t identity, struct fy_deaths death)
{
    FY_ASSERT(identity != 0);
    struct entry *entry = find(self, identity);
    if (entry == NULL)
        entry = take_place(self, identity);
    uint64_t before = atomic_load(&entry->deaths);
    while (!atomic_compare_exchange_weak(&entry->deaths, &before, with_death(before, &death)))
        continue;
    atomic_store(&self->used, 1);
}

struct fy_deaths fy_suspects_of(struct fy_suspects *self, uint64_t identity)
{
    FY_ASSERT(identity != 0);
    const struct entry *entry = find(self, identity);
    return entry != NULL ? deaths_of(entry) : (struct fy_deaths){0};
}

void fy_suspects_forget(struct fy_suspects *self, uint64_t identity)
{
    struct entry *entry = find(self, identity);
    if (entry != NULL)
        atomic_store(&entry->identity, 0);
}

void fy_suspects_clear(struct fy_suspects *self)
{
    for (size_t i = 0; i < FY_SUSPECTS_MAX; i++)
        atomic_store(&self->entries[i].identity, 0);
    atomic_store(&self->used, 0);
}

size_t fy_suspects_count(struct fy_suspects *self)
{
    size_t count = 0;
    for (size_t i = 0; i < FY_SUSPECTS_MAX; i++)
        count += atomic_load(&self->entries[i].identity) != 0 ? 1 : 0;
    return count;
}
