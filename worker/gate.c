/* gate.c - tokens of one window. */
#include "worker/gate.h"

void fy_gate_init(struct fy_gate *gate, int64_t now_ms)
{
    *gate = (struct fy_gate){.window_ms = now_ms, .tokens = FY_GATE_FREE};
}

static void turn_window(struct fy_gate *gate, int64_t now_ms)
{
    if (now_ms - gate->window_ms >= FY_GATE_WINDOW_MS)
        fy_gate_init(gate, now_ms);
}

void fy_gate_earn(struct fy_gate *gate, int64_t now_ms)
{
    turn_window(gate, now_ms);
    if (gate->tokens < UINT32_MAX)
        gate->tokens++;
}

bool fy_gate_is_open(struct fy_gate *gate, int64_t now_ms)
{
    turn_window(gate, now_ms);
    return gate->tokens > 0;
}

void fy_gate_pass(struct fy_gate *gate)
{
    FY_ASSERT(gate->tokens > 0);
    gate->tokens--;
}
