/* oio_make.c - containers made by OpenIO's clients. */
#include "api/oio_make.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/oio_facts.h"
#include "common/runtime/knowledge.h"

enum fy_code fy_oio_make_check(struct fy_oio *oio, const struct fy_oio_body *body,
                               struct fy_err *err)
{
    const char *region = fy_request_header(oio->x, "x-oio-region");
    const char *ours = oio->node->config->oio_region;
    if (region != NULL && region[0] != '\0' && strcasecmp(region, ours) != 0)
        return fy_err_set(err, FY_EINPUT, "x-oio-region: '%.60s' is not this region, %s", region,
                          ours);
    for (size_t i = 0; i < body->count; i++) {
        const struct fy_property *property = &body->properties[i];
        bool none = property->value == NULL || property->value[0] == '\0';
        if (strcmp(property->key, "sys.m2.policy.storage") != 0 || none ||
            strcmp(property->value, FY_OIO_POLICY) == 0)
            continue;
        oio->instead = (struct fy_oio_error){400, FY_OIO_CODE_UNKNOWN_POLICY};
        return fy_err_set(err, FY_EINPUT, "storage policy '%.60s' is unknown; there is %s",
                          property->value, FY_OIO_POLICY);
    }
    return FY_OK;
}

enum fy_code fy_oio_make(struct fy_oio *oio, const char *name, const struct fy_oio_body *body,
                         struct fy_err *err)
{
    struct fy_property *given = fy_alloc((body->count + 1) * sizeof(*given));
    size_t count = 0;
    for (size_t i = 0; i < body->count; i++)
        if (body->properties[i].value != NULL)
            given[count++] = body->properties[i];
    struct fy_cat_container_make op = {.op = {.kind = FY_CAT_CONTAINER_MAKE},
                                       .asker = oio->asker,
                                       .properties = given,
                                       .count = count};
    memcpy(op.account, oio->account, sizeof(op.account));
    FY_ASSERT(fy_text_copy(op.name, sizeof(op.name), name));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(oio->x)));
    enum fy_code code = fy_oio_write(oio, &op.op, err);
    free(given);
    if (code == FY_OK)
        fy_oio_container_changed(oio, name);
    return code;
}

void fy_oio_container_changed(struct fy_oio *oio, const char *name)
{
    fy_know_rights_changed(oio->node, name);
    fy_oio_ordered(oio);
}
