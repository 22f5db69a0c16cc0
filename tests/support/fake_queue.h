/* fake_queue.h - the queue port in memory, deterministic: what happens to a consumer happens when
 * the test says so. */
#ifndef FY_TESTS_FAKE_QUEUE_H
#define FY_TESTS_FAKE_QUEUE_H

#include "common/ports/queue.h"

#define FAKE_PARTITIONS 4

struct fake_queue;
struct fake_queue *fake_queue_new(void);
void fake_queue_free(struct fake_queue *queue);
struct fy_queue *fake_queue_port(struct fake_queue *queue);

/* Appends a record; returns its offset. partition -1: by key. */
int64_t fake_queue_put(struct fake_queue *queue, const char *topic, int32_t partition,
                       const char *key, const void *value, size_t value_bytes);

/* Rebalances. The next event of the consumer; the assignment begins at the committed offsets. bits:
 * one per partition. */
void fake_queue_assign(struct fake_queue *queue, unsigned bits);
void fake_queue_revoke(struct fake_queue *queue, unsigned bits);
void fake_queue_lose(struct fake_queue *queue, unsigned bits);
/* Waits until the consumer has answered every revoke and taken every event. */
void fake_queue_settle(struct fake_queue *queue);
/* Reading goes on at the committed offset, as after a broker's hiccup: records come again. */
void fake_queue_redeliver(struct fake_queue *queue, int32_t partition);

/* Somebody deletes the topic and makes it again, with nothing in it and nothing committed; the
 * consumer has no partition. */
void fake_queue_remake(struct fake_queue *queue, const char *topic);

/* Faults: the next publishes are refused with FY_EFULL; the next are taken and then fail; commits
 * fail. */
void fake_queue_refuse_publishes(struct fake_queue *queue, int count);
void fake_queue_fail_publishes(struct fake_queue *queue, int count);
void fake_queue_fail_commits(struct fake_queue *queue, int count);

int64_t fake_queue_committed(struct fake_queue *queue, int32_t partition);
/* What the last commit kept beside it. */
void fake_queue_text(struct fake_queue *queue, int32_t partition,
                     char text[static FY_COMMIT_TEXT_BYTES_MAX + 1]);
int64_t fake_queue_end(struct fake_queue *queue, const char *topic, int32_t partition);
/* Records of a topic over all partitions. */
size_t fake_queue_count(struct fake_queue *queue, const char *topic);
/* The n-th record of a topic by order of publishing; borrowed. NULL: there are fewer. */
const struct fy_record *fake_queue_record(struct fake_queue *queue, const char *topic, size_t n);
/* A header's value as text ("" absent). */
const char *fake_header(const struct fy_record *record, const char *name);

#endif
