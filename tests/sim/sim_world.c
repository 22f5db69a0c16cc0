/* sim_world.c - the course of a seed: hostile for so many steps, then healed, quiet, judged. */
#include "tests/sim/sim_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EPOCH_MS      1700000000000LL
#define PARTITIONS    2
#define STEP_US_MAX   400000 /* between two steps */
#define START_US      60000000LL
#define QUIET_US      600000000LL /* after the healing: what waits is due after seconds */
#define LOOK_US       250000
#define SKEW_MS_MAX   60000
#define DRIFT_PPM_MAX 500
#define DEAD_ROUNDS   3 /* a person tries the dead orders again */

void sim_fail(struct sim_world *world, const char *format, ...)
{
    if (world->failed)
        return;
    world->failed = true;
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "seed %llu: ", (unsigned long long)world->seed);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

/* ------------------------------------------------------------------ clocks */

static int64_t mono_ms(struct fy_clock *port)
{
    const struct sim_clock *clock = FY_CONTAINER_OF(port, struct sim_clock, port);
    int64_t now_us = fiber_now_us();
    return (now_us + now_us / 1000000 * clock->drift_ppm) / 1000 + 1;
}

static int64_t wall_ms(struct fy_clock *port)
{
    const struct sim_clock *clock = FY_CONTAINER_OF(port, struct sim_clock, port);
    return EPOCH_MS + mono_ms(port) + clock->skew_ms;
}

static int64_t around_zero(uint32_t max)
{
    return (int64_t)fiber_below(2 * max + 1) - max;
}

/* ------------------------------------------------------------------ what goes wrong */

/* In some seeds a kind of trouble is rare, in some frequent, in some there is none. */
static uint32_t trouble(void)
{
    static const uint32_t one_of[] = {0, 200, 60, 20, 8};
    return one_of[fiber_below(FY_COUNT_OF(one_of))];
}

static void break_site(struct sim_site *site)
{
    sim_broker_faults(site->broker, &(struct sim_queue_faults){.refuse_one_of = trouble(),
                                                               .fail_one_of = trouble(),
                                                               .poll_one_of = trouble(),
                                                               .commit_one_of = trouble(),
                                                               .delay_us_max = fiber_some(500000),
                                                               .session_us_max = 10000000});
    sim_disk_faults(site->disk, &(struct sim_store_faults){.begin_one_of = trouble(),
                                                           .write_one_of = trouble(),
                                                           .finish_one_of = trouble(),
                                                           .read_one_of = trouble(),
                                                           .delay_us_max = fiber_some(500000)});
    site->catalogue_faults = (struct sim_catalogue_faults){.before_one_of = trouble(),
                                                           .after_one_of = trouble(),
                                                           .read_one_of = trouble(),
                                                           .delay_us_max = fiber_some(200000)};
}

static void break_world(struct sim_world *world)
{
    fiber_mood_set(&(struct fiber_mood){.stall_one_of = 5 * trouble(),
                                        .stall_us_max = fiber_some(3000000),
                                        .yield_one_of = 1 + fiber_below(8),
                                        .spurious_one_of = trouble()});
    world->net.faults = (struct sim_peer_faults){.refuse_one_of = trouble(),
                                                 .lose_one_of = trouble(),
                                                 .repeat_one_of = trouble(),
                                                 .page_one_of = trouble(),
                                                 .cut_one_of = trouble(),
                                                 .corrupt_one_of = trouble(),
                                                 .delay_us_max = fiber_some(1000000)};
    for (size_t i = 0; i < SIM_SITES; i++)
        break_site(&world->sites[i]);
}

static void heal_world(struct sim_world *world)
{
    fiber_mood_set(&(struct fiber_mood){.yield_one_of = 8});
    world->net.faults = (struct sim_peer_faults){.delay_us_max = 2000};
    for (size_t i = 0; i < SIM_SITES; i++) {
        sim_broker_faults(world->sites[i].broker,
                          &(struct sim_queue_faults){.delay_us_max = 1000, .session_us_max = 1});
        sim_disk_faults(world->sites[i].disk, &(struct sim_store_faults){.delay_us_max = 1000});
        world->sites[i].catalogue_faults = (struct sim_catalogue_faults){.delay_us_max = 1000};
        world->hosts[i].cut_off = false;
    }
}

static void revive(struct sim_site *site)
{
    if (sim_site_lives(site))
        return;
    sim_site_kill(site);
    sim_site_start(site);
}

static void disturb(struct sim_world *world)
{
    struct sim_site *site = &world->sites[fiber_below(SIM_SITES)];
    switch (fiber_below(11)) {
    case 0:
    case 1:
        sim_site_kill(site);
        break;
    case 7:
        sim_site_stop(site);
        break;
    case 2:
    case 3:
        sim_broker_rebalance(site->broker, fiber_chance(2));
        break;
    case 4:
        site->clock.skew_ms = around_zero(SKEW_MS_MAX);
        break;
    case 5:
        site->host->cut_off = !site->host->cut_off;
        break;
    case 6:
        break_site(site);
        break;
    default:
        revive(site);
    }
}

/* ------------------------------------------------------------------ the course */

static void make_world(struct sim_world *world)
{
    static const char *const uris[SIM_SITES] = {"http://a:1", "http://b:1", "http://c:1"};
    world->net.hosts = world->hosts;
    world->net.host_count = SIM_SITES;
    for (size_t i = 0; i < SIM_SITES; i++) {
        struct sim_site *site = &world->sites[i];
        (void)snprintf(site->id, sizeof(site->id), "site-%c", (char)('a' + i));
        site->clock.port = (struct fy_clock){.wall_ms = wall_ms, .mono_ms = mono_ms};
        site->clock.skew_ms = around_zero(SKEW_MS_MAX);
        site->clock.drift_ppm = around_zero(DRIFT_PPM_MAX);
        site->broker = sim_broker_new(&site->clock.port, PARTITIONS);
        site->disk = sim_disk_new();
        site->net = &world->net;
        site->host = &world->hosts[i];
        site->host->uri = uris[i];
        site->folder = world->folder;
        site->template_folder = world->template_folder;
        site->see = sim_client_see;
        site->note = sim_client_note;
        site->world = world;
        sim_site_start(site);
    }
}

static bool all_up(const struct sim_world *world)
{
    for (size_t i = 0; i < SIM_SITES; i++)
        if (world->sites[i].run == NULL || !world->sites[i].run->up)
            return false;
    return true;
}

static void await_up(struct sim_world *world)
{
    int64_t until_us = fiber_now_us() + START_US;
    while (!all_up(world)) {
        if (fiber_now_us() > until_us) {
            sim_fail(world, "a site does not start");
            return;
        }
        for (size_t i = 0; i < SIM_SITES; i++)
            revive(&world->sites[i]);
        fiber_sleep_us(LOOK_US);
    }
}

static void await_quiet(struct sim_world *world)
{
    int64_t until_us = fiber_now_us() + QUIET_US;
    char why[128];
    while (!sim_is_quiet(world, why)) {
        if (fiber_now_us() > until_us) {
            sim_fail(world, "it does not become quiet: %s", why);
            return;
        }
        for (size_t i = 0; i < SIM_SITES; i++)
            revive(&world->sites[i]);
        fiber_sleep_us(LOOK_US);
    }
}

void sim_world_main(void *arg)
{
    struct sim_world *world = arg;
    make_world(world);
    await_up(world);
    break_world(world);
    for (uint32_t step = 0; step < world->steps; step++) {
        fiber_sleep_us(fiber_some(STEP_US_MAX));
        for (uint32_t n = 1 + fiber_below(3); n > 0; n--)
            sim_client_step(world);
        if (fiber_chance(6))
            disturb(world);
    }
    heal_world(world);
    await_up(world);
    for (uint32_t round = 0; round < DEAD_ROUNDS && !world->failed; round++) {
        await_quiet(world);
        for (size_t i = 0; i < SIM_SITES && round + 1 < DEAD_ROUNDS; i++)
            sim_client_retry_dead(&world->sites[i]);
        fiber_sleep_us(3LL * LOOK_US);
    }
    if (!world->failed)
        sim_judge(world);
}
