// What a frame costs by each way that Linux has of giving and taking frames past its own TCP/IP: see measure-packet-sockets,
// which builds this and makes the namespaces.
//
//   packet-sockets NAMESPACE INTERFACE NAMESPACE INTERFACE receive WAY OCTETS SECONDS [FRAMES-A-SECOND [NAP]]
//   packet-sockets ...                                     send WAY OCTETS SECONDS
//   packet-sockets ...                                     turn WAY COUNT
//
// Frames come as fast as one processor can send them, or so many a second; NAP: microseconds that the receiver is away whenever
// there is nothing, where it otherwise waits. Both ends are threads of this process, each in its namespace and on its own processor, since a thread's processor time
// is what stands beside other load. What the kernel does when a frame arrives it does on the sender's time.
#define _GNU_SOURCE
#include <linux/virtio_net.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "packet-sockets-packet.h"
#include "packet-sockets-xdp.h"

// A frame as a peer would send it: TCP over IPv4, and where it is larger than an interface carries, to be cut by who does.
static void fill(struct end *e, const uint8_t *to, size_t octets) {
  e->headers = octets > 1514;
  uint8_t *at = e->frame = calloc(1, octets + 10);
  if (e->headers) {
    struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 54,
                                    .gso_size = 1460, .csum_start = 34, .csum_offset = 16};
    memcpy(at, &header, 10);
    at += 10;
  }
  e->length = (size_t)(at - e->frame) + octets;
  memcpy(at, to, 6);
  memcpy(at + 6, e->address, 6);
  uint8_t ip[20] = {0x45, 0, (uint8_t)((octets - 14) >> 8), (uint8_t)(octets - 14), 0, 0, 0, 0, 64, 6, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2};
  at[12] = 8;
  memcpy(at + 14, ip, 20);
  at[46] = 0x50;
}

static const struct way {
  const char *name;
  void (*open)(struct end *);
  unsigned (*take)(struct end *), (*put)(struct end *, unsigned limit);
  int has_ring, has_slots, bypasses, is_native;
} ways[] = {
    {"recvmsg", open_packet, take_one, put_one, 0, 0, 0, 0},
    {"recvmmsg", open_packet, take_many, put_many, 0, 0, 0, 0},
    {"ring", open_packet, take_block, put_one, 1, 0, 0, 0},
    {"slots", open_packet, take_slots, put_one, 0, 1, 0, 0},
    {"xdp-native", open_xdp, take_xdp, put_xdp, 0, 0, 0, 1},
    {"xdp-generic", open_xdp, take_xdp, put_xdp, 0, 0, 0, 0},
    {"write", open_packet, take_one, put_one, 0, 0, 0, 0},
    {"write-bypass", open_packet, take_one, put_one, 0, 0, 1, 0},
    {"sendmmsg", open_packet, take_many, put_many, 0, 0, 0, 0},
    {"sendmmsg-bypass", open_packet, take_many, put_many, 0, 0, 1, 0},
    {"xdp", open_xdp, take_xdp, put_xdp, 0, 0, 0, 0},
};

static const struct way *way_named(const char *name) {
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    if (!strcmp(ways[i].name, name)) return ways + i;
  fprintf(stderr, "no such way: %s\n", name);
  exit(2);
}

// The measurements.

static const uint8_t addresses[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
static char **places;
static size_t octets = 64;
static double seconds;
static long rate, nap, turns;
static atomic_int ready, done;

static double clock_of(clockid_t which) {
  struct timespec now;
  clock_gettime(which, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void enter(struct end *e, const struct way *way, int number, int only_sends) {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  CPU_SET(number ? (int)sysconf(_SC_NPROCESSORS_ONLN) - 1 : 0, &processors);
  must(sched_setaffinity(0, sizeof processors, &processors), "affinity");
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", places[2 * number]);
  int fd = must(open(path, O_RDONLY), path);
  must(setns(fd, CLONE_NEWNET), "setns");
  close(fd);
  e->index = if_nametoindex(places[2 * number + 1]);
  e->address = addresses[number];
  e->has_ring = way->has_ring;
  e->has_slots = way->has_slots;
  e->bypasses = way->bypasses;
  e->is_native = way->is_native;
  e->only_sends = only_sends;
  fill(e, addresses[!number], octets);
  way->open(e);
  atomic_fetch_add(&ready, 1);
  while (atomic_load(&ready) < 2) sched_yield();
}

struct side {
  const struct way *way;
  unsigned long frames;
  double elapsed, processor;
};

static void *receive(void *argument) {
  struct side *s = argument;
  struct end e = {0};
  enter(&e, s->way, 1, 0);
  double start = clock_of(CLOCK_THREAD_CPUTIME_ID);
  while (1) {
    if (s->way->take(&e)) continue;
    if (nap && !atomic_load(&done)) {
      usleep((useconds_t)nap);
      continue;
    }
    struct pollfd wanted = {.fd = e.fd, .events = POLLIN};
    if (poll(&wanted, 1, 50) == 0 && atomic_load(&done)) break;
  }
  s->processor = clock_of(CLOCK_THREAD_CPUTIME_ID) - start;
  s->frames = e.whole;
  return NULL;
}

static void *send_frames(void *argument) {
  struct side *s = argument;
  struct end e = {0};
  enter(&e, s->way, 0, 1);
  double start = clock_of(CLOCK_MONOTONIC), used = clock_of(CLOCK_THREAD_CPUTIME_ID);
  while ((s->elapsed = clock_of(CLOCK_MONOTONIC) - start) < seconds) {
    // At a rate frames are apart, as clients' requests are; between them this spins.
    if (rate && (double)s->frames > s->elapsed * (double)rate) continue;
    s->frames += s->way->put(&e, rate ? 1 : BATCH);
  }
  s->processor = clock_of(CLOCK_THREAD_CPUTIME_ID) - used;
  atomic_store(&done, 1);
  return NULL;
}

static int await(const struct way *way, struct end *e) {
  for (int tries = 0; tries < 100 && !atomic_load(&done); tries++) {
    if (way->take(e)) return 1;
    struct pollfd wanted = {.fd = e->fd, .events = POLLIN};
    poll(&wanted, 1, 50);
  }
  return 0;
}

static void *answer(void *argument) {
  struct side *s = argument;
  struct end e = {0};
  enter(&e, s->way, 1, 0);
  while (!atomic_load(&done))
    if (await(s->way, &e)) s->way->put(&e, 1);
  return NULL;
}

static int by_value(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

// One frame goes back and forth, for ten seconds at most.
static void *ask(void *argument) {
  struct side *s = argument;
  struct end e = {0};
  double *took = calloc((size_t)turns, sizeof *took);
  enter(&e, s->way, 0, 0);
  double begin = clock_of(CLOCK_MONOTONIC), start = begin;
  while (s->frames < (unsigned long)turns && start < begin + 10) {
    s->way->put(&e, 1);
    if (!await(s->way, &e)) break;
    double now = clock_of(CLOCK_MONOTONIC);
    took[s->frames++] = now - start;
    start = now;
  }
  atomic_store(&done, 1);
  qsort(took, s->frames, sizeof *took, by_value);
  printf("turns=%lu median_us=%.1f p99_us=%.1f\n", s->frames, took[s->frames / 2] * 1e6, took[s->frames * 99 / 100] * 1e6);
  return NULL;
}

// Seconds that the kernel's threads took which do what interrupts left over: theirs are frames that a processor was too busy for.
static double left_over(void) {
  double sum = 0;
  for (int pid = 2; pid < 200; pid++) {
    char path[64], name[32] = "";
    double taken = 0;
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fscanf(file, "%31s", name) != 1) name[0] = 0;
    fclose(file);
    if (strncmp(name, "ksoftirqd/", 10)) continue;
    snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
    if (!(file = fopen(path, "r"))) continue;
    if (fscanf(file, "%lf", &taken) == 1) sum += taken / 1e9;
    fclose(file);
  }
  return sum;
}

static void together(void *(*near)(void *), struct side *a, void *(*far)(void *), struct side *b) {
  pthread_t one, two;
  pthread_create(&one, NULL, near, a);
  pthread_create(&two, NULL, far, b);
  pthread_join(one, NULL);
  pthread_join(two, NULL);
}

int main(int count, char **words) {
  if (count < 8) {
    fputs("usage: packet-sockets NAMESPACE INTERFACE NAMESPACE INTERFACE receive|send|turn WAY ...\n", stderr);
    return 2;
  }
  places = words + 1;
  const struct way *way = way_named(words[6]), *plain = way_named("sendmmsg"), *single = way_named("write");
  struct side near = {.way = way}, far = {.way = way};
  if (!strcmp(words[5], "turn")) {
    turns = atol(words[7]);
    together(ask, &near, answer, &far);
    return 0;
  }
  octets = (size_t)atol(words[7]);
  seconds = count > 8 ? atof(words[8]) : 1;
  rate = count > 9 ? atol(words[9]) : 0;
  nap = count > 10 ? atol(words[10]) : 0;
  double before = left_over();
  if (!strcmp(words[5], "send")) {
    atomic_store(&ready, 1);
    send_frames(&near);
    double ns = (near.processor + left_over() - before) * 1e9 / (double)near.frames;
    printf("rate=%.0f ns=%.0f\n", (double)near.frames / near.elapsed, ns);
    return 0;
  }
  near.way = rate ? single : plain;
  together(send_frames, &near, receive, &far);
  double sender = (near.processor + left_over() - before) * 1e9 / (double)near.frames;
  double lost = near.frames ? 100 - 100 * (double)far.frames / (double)near.frames : 0;
  printf("sent=%.0f rate=%.0f ns=%.0f lost=%.1f sender_ns=%.0f\n", (double)near.frames / near.elapsed,
         (double)far.frames / near.elapsed, far.frames ? far.processor * 1e9 / (double)far.frames : 0, lost, sender);
  return 0;
}
