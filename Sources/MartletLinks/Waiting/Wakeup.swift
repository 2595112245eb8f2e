import CMartletSystem
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Wakes a thread that waits on `descriptor`, from any thread or signal handler, with a
/// flag in front so that only the first of many signals costs a system call. An eventfd on
/// Linux, a pipe elsewhere.
package final class Wakeup: Sendable {
  package let descriptor: FileDescriptor
  private let writing: FileDescriptor
  private let pending = Atomic<Bool>(false)

  package init() throws(LinkError) {
    #if os(Linux)
      let fd = martlet_eventfd()
      guard fd >= 0 else { throw LinkError(failed: "cannot make an eventfd", Errno(rawValue: -fd)) }
      descriptor = FileDescriptor(rawValue: fd)
      writing = descriptor
    #else
      var ends: [2 of Int32] = [-1, -1]
      let result = withUnsafeMutablePointer(to: &ends) {
        $0.withMemoryRebound(to: Int32.self, capacity: 2) { pipe($0) }
      }
      guard result == 0 else { throw LinkError(failed: "cannot make a pipe", Errno(rawValue: errno)) }
      for i in 0..<2 {
        _ = fcntl(ends[i], F_SETFL, O_NONBLOCK)
        _ = fcntl(ends[i], F_SETFD, FD_CLOEXEC)
      }
      descriptor = FileDescriptor(rawValue: ends[0])
      writing = FileDescriptor(rawValue: ends[1])
    #endif
  }

  deinit {
    try? descriptor.close()
    if writing != descriptor { try? writing.close() }
  }

  /// Makes `descriptor` readable until `clear`. Async-signal-safe.
  package func signal() {
    guard !pending.exchange(true, ordering: .sequentiallyConsistent) else { return }
    var one: UInt64 = 1
    _ = write(writing.rawValue, &one, 8)
  }

  /// To be called before looking for what was signalled. The descriptor is emptied before
  /// the flag falls: a signal in between is seen by the look that follows, and one whose
  /// write is still to come wakes once for nothing.
  package func clear() {
    var count: UInt64 = 0
    _ = read(descriptor.rawValue, &count, 8)
    pending.store(false, ordering: .sequentiallyConsistent)
  }
}
