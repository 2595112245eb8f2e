#ifndef CMARTLET_SYSTEM_H
#define CMARTLET_SYSTEM_H

// What Swift cannot call itself: variadic system calls, ioctls whose argument
// is a union, netlink messages, and system calls that older C libraries lack.
// Shims only: each returns 0 or a descriptor, or the negated errno.

#if defined(__linux__)
#include "CMartletInterface.h"
#include "CMartletNamespace.h"
#include "CMartletNetlink.h"
#include "CMartletPacket.h"
#include "CMartletRing.h"
#include "CMartletWait.h"
#endif
#include "CMartletUTUN.h"

#endif
