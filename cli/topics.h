/* topics.h - what is right and wrong with a site's topics in Kafka. */
#ifndef FY_CLI_TOPICS_H
#define FY_CLI_TOPICS_H

#include "cli/doctor.h"
#include "common/adapters/queue_kafka.h"

/* A sentence about a topic; text is borrowed for the call. */
typedef void fy_topic_say_fn(void *arg, enum fy_doctor_level level, const char *topic,
                             const char *text);

/* The topics of a site: its own five and one for each other site. */
#define FY_SITE_TOPICS_MAX (5 + FY_SITES_MAX)
struct fy_topic_names {
    size_t count;
    char names[FY_SITE_TOPICS_MAX][FY_TOPIC_BYTES_MAX + 1];
};
/* Those of the configuration's peers (peers false: none), and of the sites beside. Errors:
 * FY_EINPUT not a site's name; FY_ETOOBIG too many. */
FY_MUST_CHECK enum fy_code fy_topic_names(const struct fy_config *config, bool peers,
                                          const char *const *sites, size_t site_count,
                                          struct fy_topic_names *names, struct fy_err *err);

/* Says what does not fit, or that all does. oldest_age_ms: of the oldest undone record, which
 * matters where records are deleted by age; 0 when none is. */
void fy_topic_judge(const struct fy_config *config, const char *topic,
                    const struct fy_kafka_topic_state *state, int64_t oldest_age_ms,
                    fy_topic_say_fn *say, void *arg);
/* Asks the cluster about each and judges it. queue: from fy_queue_open_kafka. Errors: those of
 * fy_queue_kafka_topic_state. */
FY_MUST_CHECK enum fy_code fy_topics_check(const struct fy_config *config, struct fy_queue *queue,
                                           const struct fy_topic_names *names, fy_topic_say_fn *say,
                                           void *arg, struct fy_err *err);

#endif
