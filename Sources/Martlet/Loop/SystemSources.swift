import MartletStack
import MartletTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The clock of the shell: monotonic, from the start of the machine.
public enum SystemClock {
  @inline(__always)
  public static var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
  }
}

extension StackSeed {
  /// 256 bits from the operating system's entropy source.
  public static func fromSystem() -> StackSeed {
    var source = SystemRandomNumberGenerator()
    return StackSeed(source.next(), source.next(), source.next(), source.next())
  }
}
