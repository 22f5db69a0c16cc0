/* cache_redis_state.c - how a Redis stands, asked without changing it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/cache_redis_internal.h"

#define LOOKS 5 /* at a key: the slowest counts */

static void reply_free(redisReply **reply)
{
    if (*reply != NULL)
        freeReplyObject(*reply);
}

/* What the cache itself asks most. */
static enum fy_code measure(struct fy_redis_conn *conn, struct fy_redis_state *state,
                            struct fy_err *err)
{
    const struct fy_redis_word words[] = {fy_redis_text("MGET"), fy_redis_text("ferry:doctor")};
    for (int i = 0; i < LOOKS; i++) {
        FY_AUTO(reply_free) redisReply *reply = NULL;
        int64_t began_ms = fy_redis_now_ms();
        enum fy_code code = fy_redis_conn_run(conn, words, FY_COUNT_OF(words), &reply, err);
        if (code != FY_OK)
            return code;
        int64_t took_ms = fy_redis_now_ms() - began_ms;
        if (took_ms > state->answer_ms)
            state->answer_ms = took_ms;
    }
    return FY_OK;
}

/* The value of "name:value\r\n" in what INFO tells; "" when it is not in there. */
static void take(const redisReply *reply, const char *name, char *value, size_t value_bytes)
{
    size_t name_bytes = strlen(name);
    value[0] = '\0';
    if (reply == NULL || reply->type != REDIS_REPLY_STRING)
        return;
    for (const char *line = reply->str; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_bytes) != 0 || line[name_bytes] != ':')
            continue;
        const char *text = line + name_bytes + 1;
        (void)snprintf(value, value_bytes, "%.*s", (int)strcspn(text, "\r\n"), text);
        return;
    }
}

/* false: this user may not ask, or the connection is gone; then it stays as it is, "". */
static bool ask(struct fy_redis_conn *conn, const char *section, redisReply **reply)
{
    struct fy_err err = {0};
    const struct fy_redis_word words[] = {fy_redis_text("INFO"), fy_redis_text(section)};
    return fy_redis_conn_run(conn, words, FY_COUNT_OF(words), reply, &err) == FY_OK;
}

static void ask_all(struct fy_redis_conn *conn, struct fy_redis_state *state)
{
    FY_AUTO(reply_free) redisReply *server = NULL;
    FY_AUTO(reply_free) redisReply *memory = NULL;
    FY_AUTO(reply_free) redisReply *replication = NULL;
    char role[16];
    char limit[24];
    if (!ask(conn, "server", &server) || !ask(conn, "memory", &memory) ||
        !ask(conn, "replication", &replication))
        return;
    take(server, "redis_version", state->version, sizeof(state->version));
    take(memory, "maxmemory_policy", state->policy, sizeof(state->policy));
    take(memory, "maxmemory", limit, sizeof(limit));
    take(replication, "role", role, sizeof(role));
    state->memory_max_bytes = strtoll(limit, NULL, 10);
    state->replica = strcmp(role, "slave") == 0;
}

enum fy_code fy_cache_redis_state(const struct fy_cache_redis_settings *settings,
                                  struct fy_redis_state *state, struct fy_err *err)
{
    struct fy_redis_url url;
    struct fy_redis_conn *conn = NULL;
    *state = (struct fy_redis_state){0};
    enum fy_code code = fy_redis_settings_read(settings, &url, err);
    if (code != FY_OK)
        return code;
    url.timeout_ms = FY_REDIS_STATE_MS;
    code = fy_redis_conn_open(&url, NULL, &conn, err);
    if (code == FY_OK)
        code = measure(conn, state, err);
    if (code == FY_OK)
        ask_all(conn, state);
    fy_redis_conn_close(conn);
    return code;
}
