/* lane_test.c - one line per object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/lane.h"

static void only_the_head_runs_and_the_next_follows(void **state)
{
    (void)state;
    struct fy_lanes lanes;
    struct fy_lane_node nodes[3] = {{0}};
    fy_lanes_init(&lanes);
    assert_true(fy_lanes_join(&lanes, 7, &nodes[0]));
    assert_false(fy_lanes_join(&lanes, 7, &nodes[1]));
    assert_false(fy_lanes_join(&lanes, 7, &nodes[2]));
    assert_int_equal(lanes.lane_count, 1);
    assert_int_equal(fy_lanes_depth(&lanes), 3);
    assert_true(fy_lane_is_head(&nodes[0]));
    assert_ptr_equal(fy_lanes_leave(&lanes, &nodes[0]), &nodes[1]);
    assert_ptr_equal(fy_lanes_leave(&lanes, &nodes[1]), &nodes[2]);
    assert_null(fy_lanes_leave(&lanes, &nodes[2]));
    assert_int_equal(lanes.lane_count, 0);
    assert_null(fy_lanes_find(&lanes, 7));
    fy_lanes_done(&lanes);
}

static void who_leaves_from_the_middle_makes_nobody_head(void **state)
{
    (void)state;
    struct fy_lanes lanes;
    struct fy_lane_node nodes[3] = {{0}};
    struct fy_lane_node late = {0};
    fy_lanes_init(&lanes);
    for (int i = 0; i < 3; i++)
        (void)fy_lanes_join(&lanes, 7, &nodes[i]);
    assert_null(fy_lanes_leave(&lanes, &nodes[1]));
    assert_null(fy_lanes_leave(&lanes, &nodes[2])); /* the last: the end moves back */
    assert_false(fy_lanes_join(&lanes, 7, &late));
    assert_ptr_equal(fy_lanes_leave(&lanes, &nodes[0]), &late);
    assert_null(fy_lanes_leave(&lanes, &late));
    fy_lanes_done(&lanes);
}

static void lanes_of_different_objects_are_different(void **state)
{
    (void)state;
    struct fy_order order = {0};
    uint64_t seen[3];
    (void)snprintf(order.client, sizeof(order.client), "a");
    (void)snprintf(order.bucket, sizeof(order.bucket), "bc");
    (void)snprintf(order.object, sizeof(order.object), "d");
    seen[0] = fy_lane_hash(&order);
    (void)snprintf(order.client, sizeof(order.client), "ab");
    (void)snprintf(order.bucket, sizeof(order.bucket), "c");
    seen[1] = fy_lane_hash(&order);
    (void)snprintf(order.account, sizeof(order.account), "owner");
    seen[2] = fy_lane_hash(&order);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    (void)snprintf(order.client, sizeof(order.client), "anybody"); /* who acts does not matter */
    assert_true(fy_lane_hash(&order) == seen[2]);
}

/* A bucket's name has one owner at a time: its delete and another owner's create keep their order.
 */
static void buckets_of_one_name_share_a_lane(void **state)
{
    (void)state;
    struct fy_order order = {0};
    (void)snprintf(order.client, sizeof(order.client), "client-1");
    (void)snprintf(order.bucket, sizeof(order.bucket), "bucket-1");
    uint64_t first = fy_lane_hash(&order);
    (void)snprintf(order.client, sizeof(order.client), "client-2");
    assert_true(fy_lane_hash(&order) == first);
    (void)snprintf(order.bucket, sizeof(order.bucket), "bucket-2");
    assert_true(fy_lane_hash(&order) != first);
}

/* Random joins and leaves of 200 nodes in 16 lanes against arrays. */
static void random_joins_and_leaves_agree_with_arrays(void **state)
{
    (void)state;
    enum { NODES = 200, LANES = 16 };
    struct fy_lanes lanes;
    static struct fy_lane_node nodes[NODES];
    int line[LANES][NODES];
    int length[LANES] = {0};
    int where[NODES];
    unsigned seed = 4711;
    memset(nodes, 0, sizeof(nodes));
    for (int i = 0; i < NODES; i++)
        where[i] = -1;
    fy_lanes_init(&lanes);
    for (int step = 0; step < 100000; step++) {
        int node = rand_r(&seed) % NODES;
        if (where[node] < 0) {
            int lane = rand_r(&seed) % LANES;
            bool head = fy_lanes_join(&lanes, (uint64_t)lane, &nodes[node]);
            assert_int_equal(head, length[lane] == 0);
            line[lane][length[lane]++] = node;
            where[node] = lane;
            continue;
        }
        int lane = where[node];
        int at = 0;
        while (line[lane][at] != node)
            at++;
        struct fy_lane_node *head = fy_lanes_leave(&lanes, &nodes[node]);
        length[lane]--;
        memmove(&line[lane][at], &line[lane][at + 1], (size_t)(length[lane] - at) * sizeof(int));
        where[node] = -1;
        if (at == 0 && length[lane] > 0)
            assert_ptr_equal(head, &nodes[line[lane][0]]);
        else
            assert_null(head);
    }
    for (int i = 0; i < NODES; i++)
        if (where[i] >= 0)
            (void)fy_lanes_leave(&lanes, &nodes[i]);
    fy_lanes_done(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_head_runs_and_the_next_follows),
        cmocka_unit_test(who_leaves_from_the_middle_makes_nobody_head),
        cmocka_unit_test(lanes_of_different_objects_are_different),
        cmocka_unit_test(buckets_of_one_name_share_a_lane),
        cmocka_unit_test(random_joins_and_leaves_agree_with_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
