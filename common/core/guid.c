/* guid.c - CCS's ids: time, process, counter (spec 2.3). */
#include "common/core/guid.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "common/core/digest.h"

#define GUID_BYTES         16
#define GUID_VERSION       1
#define GUID_PROCESS_BYTES 6

/* What makes the ids of this process its own. The one piece of state here that hangs off nobody:
 * ids are wanted before any program structure exists. */
static struct {
    pthread_once_t once;
    uint8_t process[GUID_PROCESS_BYTES]; /* written under once, then only read */
    atomic_uint counter;                 /* any thread; its low 24 bits are used */
} guid_source = {.once = PTHREAD_ONCE_INIT};

static void guid_source_fill(void)
{
    struct {
        uint8_t process[GUID_PROCESS_BYTES];
        uint16_t counter; /* a start of its own, so that two processes differ even in this */
    } seed;
    static_assert(sizeof(seed) <= 256, "getrandom gives up to 256 bytes whole");
    ssize_t got;
    do {
        got = getrandom(&seed, sizeof(seed), 0);
    } while (got < 0 && errno == EINTR);
    FY_ASSERT(got == (ssize_t)sizeof(seed)); /* every kernel since 3.17 can */
    memcpy(guid_source.process, seed.process, GUID_PROCESS_BYTES);
    atomic_store_explicit(&guid_source.counter, seed.counter, memory_order_relaxed);
}

static void put_little_endian(uint8_t *bytes, size_t size_bytes, uint64_t value)
{
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

void fy_guid_new(struct fy_clock *clock, char text[static FY_GUID_DIGITS + 1])
{
    int answer = pthread_once(&guid_source.once, guid_source_fill);
    FY_ASSERT(answer == 0);

    uint8_t bytes[GUID_BYTES];
    put_little_endian(bytes, 6, (uint64_t)fy_wall_ms(clock));
    bytes[6] = GUID_VERSION;
    memcpy(bytes + 7, guid_source.process, GUID_PROCESS_BYTES);
    put_little_endian(bytes + 13, 3,
                      atomic_fetch_add_explicit(&guid_source.counter, 1, memory_order_relaxed));
    fy_base32hex(bytes, GUID_BYTES, text);
    FY_ASSERT(text[FY_GUID_DIGITS] == '\0');
}
