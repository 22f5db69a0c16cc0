/* damage.c - whoever finds a damaged body says so, without waiting. */
#include "common/runtime/damage.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"

/* Called on the catalogue thread. What it refused (an engine that is away) the next reader tells.
 */
static void marked(struct fy_cat_op *op)
{
    free(op);
}

void fy_damage_found(struct fy_node *node, const struct fy_body_row *body, enum fy_damage damage)
{
    FY_ASSERT(damage != FY_DAMAGE_NONE);
    struct fy_cat_damage *op = fy_alloc(sizeof *op);
    *op = (struct fy_cat_damage){
        .op = {.kind = FY_CAT_DAMAGE, .done = marked}, .body = *body, .damage = damage};
    fy_log(NULL, FY_ERROR, "body.damaged", fy_kv_str("blob", body->blob_ref),
           fy_kv_str("damage", fy_damage_name(damage)), fy_kv_i64("bytes", body->size));
    fy_catalogue_writer_submit(node->writer, &op->op);
}

void fy_body_of_object(const struct fy_object_row *object, struct fy_body_row *body)
{
    *body = (struct fy_body_row){.id = object->body_id,
                                 .size = object->size,
                                 .digest = object->reg.digest,
                                 .damaged = object->damaged};
    memcpy(body->blob_ref, object->blob_ref, sizeof body->blob_ref);
}
