// Runs every input through the drivers.
#include "Board.h"

struct input {
  int32_t driver;
  int32_t count;
  const uint8_t *octets;
  const char *name;
};
extern const struct input inputs[];
extern const uint32_t input_count;
extern const char *const driver_names[];

int32_t replay(int32_t driver, const uint8_t *start, int32_t count);
int32_t findingText(uint8_t *start, int32_t most);

uint32_t work(void) {
  uint32_t failures = 0, of_driver = 0;
  for (uint32_t i = 0; i < input_count; i++) {
    const struct input *input = &inputs[i];
    int32_t result = replay(input->driver, input->octets, input->count);
    of_driver++;
    if (result != 0) {
      static uint8_t text[4096];
      int32_t count = result == 1 ? findingText(text, sizeof text) : 0;
      failures++;
      say("   ");
      say(driver_names[input->driver]);
      say(", ");
      say(input->name);
      say(": ");
      for (int32_t k = 0; k < count; k++) say_octet((char)text[k]);
      say("\n");
    }
    if (i + 1 == input_count || inputs[i + 1].driver != input->driver) {
      say("   ");
      say(driver_names[input->driver]);
      say(": ");
      say_number(of_driver);
      say(" inputs\n");
      of_driver = 0;
    }
  }
  return failures;
}
