// What work on the board is given, and gives.
#include <stdint.h>

// Whoever is linked with the board does it. How much of it failed.
uint32_t work(void);

void say_octet(char octet);
void say(const char *text);
void say_number(uint32_t number);
