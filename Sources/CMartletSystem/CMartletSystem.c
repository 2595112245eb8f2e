// Everything is inline in the headers; a target needs one source file.
#include "CMartletSystem.h"
