import MartletLinks
import MartletTCP
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `Poller` by `poll`, which every system has: it wakes up to a millisecond late.
package struct PollPoller: ~Copyable {
  /// Under each tag a descriptor; -1: none.
  private var watched = [32 of pollfd](repeating: pollfd(fd: -1, events: 0, revents: 0))

  package init() throws(LinkError) {}

  /// Nothing that could be asked for.
  package mutating func wakesPrecisely() {}

  /// Watches a descriptor for reading.
  package mutating func add(_ descriptor: FileDescriptor, tag: Int) throws(LinkError) {
    watched[tag] = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
  }

  /// Watches a descriptor no longer; it may be closed already.
  package mutating func remove(_ descriptor: FileDescriptor, tag: Int) {
    guard watched[tag].fd == descriptor.rawValue else { return }
    watched[tag].fd = -1
  }

  /// Watches a descriptor that was added also for writing, or no longer.
  package mutating func setWriting(
    _ writing: Bool, _ descriptor: FileDescriptor, tag: Int
  ) throws(LinkError) {
    watched[tag].events = Int16(writing ? POLLIN | POLLOUT : POLLIN)
  }

  /// Sleeps until something is ready or the time is up; nil: for as long as it takes.
  package mutating func wait(atMost limit: TimeAmount?) throws(LinkError) -> ReadyDescriptors {
    let milliseconds = limit.map { Int32(clamping: (max($0.nanoseconds, 0) &+ 999_999) / 1_000_000) } ?? -1
    let count = withUnsafeMutablePointer(to: &watched) {
      $0.withMemoryRebound(to: pollfd.self, capacity: 32) { poll($0, 32, milliseconds) }
    }
    guard count >= 0 else {
      let error = Errno(rawValue: errno)
      guard error == .interrupted else {
        throw LinkError(.failed, errno: error, "cannot wait for links: \(error)")
      }
      return ReadyDescriptors(readable: 0, writable: 0)
    }
    return found
  }

  /// One that has failed is ready for both: whoever reads or writes finds out why.
  private var found: ReadyDescriptors {
    var (readable, writable) = (UInt32(0), UInt32(0))
    for tag in watched.indices where watched[tag].fd >= 0 {
      let events = Int32(watched[tag].revents)
      let failed = POLLERR | POLLHUP | POLLNVAL
      if events & (POLLIN | failed) != 0 { readable |= 1 << UInt32(tag) }
      if events & (POLLOUT | failed) != 0 { writable |= 1 << UInt32(tag) }
    }
    return ReadyDescriptors(readable: readable, writable: writable)
  }
}
