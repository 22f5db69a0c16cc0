/* config_finish.c - what depends on several settings of a server. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/config.h"
#include "common/core/names.h"

static bool is_port(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text) &&
           strtoul(text, NULL, 10) <= UINT16_MAX;
}

/* Whether this is ADDRESS:PORT, and unless anywhere, that only this machine can reach it: there is
 * no authentication yet. */
static bool may_listen(const char *listen, bool anywhere)
{
    char host[INET6_ADDRSTRLEN + sizeof("[]")] = "";
    struct in_addr v4;
    struct in6_addr v6;
    const char *colon = strrchr(listen, ':');
    size_t host_bytes = colon != NULL ? (size_t)(colon - listen) : 0;
    if (host_bytes == 0 || host_bytes >= sizeof(host) || !is_port(colon + 1))
        return false;
    memcpy(host, listen, host_bytes);
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return anywhere || ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    if (host[0] != '[' || host[host_bytes - 1] != ']')
        return false;
    host[host_bytes - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, &v6) == 1 && (anywhere || IN6_IS_ADDR_LOOPBACK(&v6));
}

static enum fy_code check_listen(const struct fy_config *config, const char *name,
                                 const char *listen, struct fy_err *err)
{
    if (may_listen(listen, config->accept_unauthenticated))
        return FY_OK;
    if (may_listen(listen, true))
        return fy_err_set(err, FY_EINPUT,
                          "%s: '%s' is not loopback; there is no authentication yet, so others are "
                          "served with accept_unauthenticated only",
                          name, listen);
    return fy_err_set(err, FY_EINPUT, "%s: '%s' is not ADDRESS:PORT", name, listen);
}

/* Without one, others are told where we listen; "any address" is none that they could ask. */
static enum fy_code check_public_url(const struct fy_config *config, struct fy_err *err)
{
    char uri[FY_URI_BYTES_MAX + 1];
    bool is_any = strncmp(config->listen, "0.0.0.0:", strlen("0.0.0.0:")) == 0 ||
                  strncmp(config->listen, "[::]:", strlen("[::]:")) == 0;
    if (config->public_url[0] != '\0' && fy_uri_normalise(config->public_url, uri, err) != FY_OK)
        return fy_err_add(err, "public_url");
    if (config->public_url[0] == '\0' && is_any)
        return fy_err_set(err, FY_EINPUT,
                          "public_url: needed, as others cannot reach this site at '%s'",
                          config->listen);
    return FY_OK;
}

static enum fy_code finish_engine(struct fy_config *config, char *url, const char *scheme,
                                  const char *file, struct fy_err *err)
{
    if (url[0] != '\0')
        return FY_OK;
    if (config->data[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "data: needed, for the embedded engines to live in");
    int length = snprintf(url, FY_CONFIG_TEXT_BYTES, "%s:%s/%s", scheme, config->data, file);
    if (length < 0 || length >= FY_CONFIG_TEXT_BYTES)
        return fy_err_set(err, FY_EINPUT, "data: too long");
    return FY_OK;
}

static enum fy_code check_peer(const struct fy_config *config, const char *peer, struct fy_err *err)
{
    const char *equals = strchr(peer, '=');
    char name[FY_SITE_BYTES_MAX + 1] = "";
    char uri[FY_URI_BYTES_MAX + 1];
    if (equals != NULL && (size_t)(equals - peer) <= FY_SITE_BYTES_MAX)
        memcpy(name, peer, (size_t)(equals - peer));
    if (!fy_site_is_valid(name))
        return fy_err_set(err, FY_EINPUT, "peer: '%s' is not NAME=URL", peer);
    if (strcmp(name, config->site) == 0)
        return fy_err_set(err, FY_EINPUT, "peer: '%s' is this site itself", name);
    if (fy_uri_normalise(equals + 1, uri, err) != FY_OK)
        return fy_err_add(err, "peer %s", name);
    return FY_OK;
}

static bool queue_is_kafka(const struct fy_config *config)
{
    static const char scheme[] = "kafka:";
    return strncmp(config->queue, scheme, strlen(scheme)) == 0;
}

bool fy_config_tells(const struct fy_config *config)
{
    return queue_is_kafka(config) && strcmp(config->events, "off") != 0;
}

bool fy_config_tells_oio(const struct fy_config *config)
{
    return queue_is_kafka(config) && config->oio_events;
}

/* It is one segment of a path. */
static enum fy_code check_namespace(const char *name, struct fy_err *err)
{
    size_t size = strlen(name);
    size_t good = strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_");
    if (size == 0 || size > FY_OIO_NS_BYTES_MAX || good != size)
        return fy_err_set(err, FY_EINPUT, "oio.namespace: '%s' is not 1-%d of 0-9 A-Z a-z . - _",
                          name, FY_OIO_NS_BYTES_MAX);
    return FY_OK;
}

static enum fy_code check_events(const struct fy_config *config, struct fy_err *err)
{
    bool on = strcmp(config->events, "on") == 0;
    if (!on && config->events[0] != '\0' && strcmp(config->events, "off") != 0)
        return fy_err_set(err, FY_EINPUT, "events: '%s' is neither on nor off", config->events);
    if (on && !queue_is_kafka(config))
        return fy_err_set(err, FY_EINPUT,
                          "events: nobody can read them in the embedded queue; --queue kafka://");
    return FY_OK;
}

enum fy_code fy_config_finish(struct fy_config *config, struct fy_err *err)
{
    if (config->site[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "site: needed, a name for this site");
    if (!fy_site_is_valid(config->site))
        return fy_err_set(err, FY_EINPUT, "site: '%s' is not 1-64 of 0-9 A-Z a-z . -",
                          config->site);
    enum fy_code code = check_listen(config, "listen", config->listen, err);
    if (code == FY_OK && config->admin[0] != '\0')
        code = check_listen(config, "admin", config->admin, err);
    if (code == FY_OK)
        code = check_public_url(config, err);
    if (code == FY_OK)
        code = finish_engine(config, config->queue, "sqlite", "queue.db", err);
    if (code == FY_OK)
        code = finish_engine(config, config->catalogue, "sqlite", "catalogue.db", err);
    if (code == FY_OK)
        code = finish_engine(config, config->store, "dir", "store", err);
    for (uint32_t i = 0; code == FY_OK && i < config->peer_count; i++)
        code = check_peer(config, config->peers[i], err);
    if (code == FY_OK)
        code = check_namespace(config->oio_namespace, err);
    if (config->oio_region[0] == '\0')
        memcpy(config->oio_region, config->site, sizeof(config->oio_region));
    return code == FY_OK ? check_events(config, err) : code;
}
