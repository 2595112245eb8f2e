// Runs every test on the board, one after the other. One that traps ends the machine.
#include <stddef.h>

#include "Board.h"

int32_t testCount(void);
int32_t runTest(int32_t number);
void sayTest(int32_t number);
int32_t checkCount(void);
size_t heap_most_used(void);

uint32_t work(void) {
  uint32_t failed = 0, count = (uint32_t)testCount();
  for (uint32_t i = 0; i < count; i++) {
    sayTest((int32_t)i);
    if (runTest((int32_t)i) != 0) failed++;
  }
  say("ran ");
  say_number(count);
  say(" tests, ");
  say_number((uint32_t)checkCount());
  say(" checks, ");
  say_number(failed);
  say(" failed, ");
  say_number((uint32_t)(heap_most_used() >> 10));
  say(" KiB of memory\n");
  return failed;
}
