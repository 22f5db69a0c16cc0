/* queue_kafka_test.c - the queue's suite over a real broker. */
#include "tests/contract/queue_kafka_help.h"

int main(void)
{
    return queue_contract_run(&queue_kafka_factory);
}
