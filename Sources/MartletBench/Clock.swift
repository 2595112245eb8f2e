import MartletTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The clocks that a measurement reads.
enum Clock {
  static func read(_ id: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(id, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// What the stacks are told.
  static var now: Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }
}

/// Wall time and CPU time of this process, from `init` to `stop`.
struct Stopwatch {
  private let wallStart = Clock.read(CLOCK_MONOTONIC)
  private let cpuStart = Clock.read(CLOCK_PROCESS_CPUTIME_ID)
  private let userStart = Stopwatch.userSeconds()

  func stop() -> Elapsed {
    Elapsed(
      wall: Double(Clock.read(CLOCK_MONOTONIC) - wallStart) / 1e9,
      cpu: Double(Clock.read(CLOCK_PROCESS_CPUTIME_ID) - cpuStart) / 1e9,
      user: Stopwatch.userSeconds() - userStart)
  }

  /// Without what the kernel spent on system calls.
  private static func userSeconds() -> Double {
    var usage = rusage()
    getrusage(0, &usage)  // RUSAGE_SELF, which every C library imports as another type
    return Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
  }
}

/// Seconds.
struct Elapsed {
  var wall: Double
  var cpu: Double
  var user: Double
}

/// Octets of memory that the process has resident now.
func residentOctets() -> Int {
  #if os(Linux)
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var total = 0
    var resident = 0
    guard
      withUnsafeMutablePointer(
        to: &total,
        { a in
          withUnsafeMutablePointer(to: &resident) { b in
            withVaList([a, b]) { vfscanf(file, "%ld %ld", $0) }
          }
        }) == 2
    else { return 0 }
    return resident * Int(sysconf(Int32(_SC_PAGESIZE)))
  #else
    return 0
  #endif
}
