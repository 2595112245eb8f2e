#ifndef CMARTLET_NETLINK_H
#define CMARTLET_NETLINK_H

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int martlet_netlink_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  return fd < 0 ? -errno : fd;
}

/// Sends one request and waits for the kernel's verdict on it.
static inline int martlet_netlink_ask(int fd, struct nlmsghdr *request) {
  struct sockaddr_nl kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = sendto(fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
  if (sent < 0) return -errno;
  union { struct nlmsghdr header; char octets[4096]; } answer;
  for (;;) {
    ssize_t count = recv(fd, &answer, sizeof answer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -errno;
    if ((size_t)count < NLMSG_LENGTH(sizeof(struct nlmsgerr))) return -EPROTO;
    if (answer.header.nlmsg_seq != request->nlmsg_seq) continue;
    if (answer.header.nlmsg_type != NLMSG_ERROR) return -EPROTO;
    return ((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
  }
}

static inline void martlet_netlink_attribute(struct nlmsghdr *message, unsigned short type,
                                             const void *octets, unsigned short count) {
  struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(count);
  memcpy(RTA_DATA(attribute), octets, count);
  message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

/// Adds an address (4 or 16 octets in network order) with its prefix to an interface, or
/// removes it. An IPv6 address is usable at once: nobody else is on a TUN device's other side.
static inline int martlet_netlink_change_address(int fd, int add, int index, int is_v6,
                                                 const uint8_t *address, uint8_t prefix_length) {
  struct {
    struct nlmsghdr header;
    struct ifaddrmsg message;
    char attributes[64];
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.message);
  request.header.nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
  request.header.nlmsg_seq = 1;
  request.message.ifa_family = is_v6 ? AF_INET6 : AF_INET;
  request.message.ifa_prefixlen = prefix_length;
  request.message.ifa_flags = is_v6 ? IFA_F_NODAD : 0;
  request.message.ifa_scope = RT_SCOPE_UNIVERSE;
  request.message.ifa_index = (unsigned)index;
  unsigned short count = is_v6 ? 16 : 4;
  martlet_netlink_attribute(&request.header, IFA_LOCAL, address, count);
  martlet_netlink_attribute(&request.header, IFA_ADDRESS, address, count);
  return martlet_netlink_ask(fd, &request.header);
}

/// Adds a route: `gateway` may be NULL for what is on the interface's own link.
static inline int martlet_netlink_add_route(int fd, int index, int is_v6, const uint8_t *prefix,
                                            uint8_t prefix_length, const uint8_t *gateway) {
  struct {
    struct nlmsghdr header;
    struct rtmsg message;
    char attributes[96];
  } request;
  memset(&request, 0, sizeof request);
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.message);
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  request.header.nlmsg_seq = 1;
  request.message.rtm_family = is_v6 ? AF_INET6 : AF_INET;
  request.message.rtm_dst_len = prefix_length;
  request.message.rtm_table = RT_TABLE_MAIN;
  request.message.rtm_protocol = RTPROT_STATIC;
  request.message.rtm_scope = gateway || is_v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  request.message.rtm_type = RTN_UNICAST;
  unsigned short count = is_v6 ? 16 : 4;
  uint32_t interface = (uint32_t)index;
  if (prefix_length > 0) martlet_netlink_attribute(&request.header, RTA_DST, prefix, count);
  if (gateway) martlet_netlink_attribute(&request.header, RTA_GATEWAY, gateway, count);
  martlet_netlink_attribute(&request.header, RTA_OIF, &interface, sizeof interface);
  return martlet_netlink_ask(fd, &request.header);
}

#endif
