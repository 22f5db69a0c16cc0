/* gate.h - how many orders may die of their sites' faults: an outage must not empty `waiting` into
 * dead letters (ENGINE 1.10). */
/*
 * A death costs a token. Each window of FY_GATE_WINDOW_MS begins with FY_GATE_FREE of them, as many
 * as say nothing of a site, and every order that a source has served earns one more; what is not
 * used in its window is lost. Pure; one thread.
 */
#ifndef FY_WORKER_GATE_H
#define FY_WORKER_GATE_H

#include "common/core/base.h"

struct fy_gate {
    int64_t window_ms; /* start of the present one */
    uint32_t tokens;
};

void fy_gate_init(struct fy_gate *gate, int64_t now_ms);
void fy_gate_earn(struct fy_gate *gate, int64_t now_ms);
/* Whether there is a token. */
bool fy_gate_is_open(struct fy_gate *gate, int64_t now_ms);
/* Spends one; the gate is open. */
void fy_gate_pass(struct fy_gate *gate);

#endif
