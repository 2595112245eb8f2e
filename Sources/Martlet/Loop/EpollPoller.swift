#if os(Linux)
  import CMartletSystem
  import MartletLinks
  import MartletTCP
  import SystemPackage

  /// `Poller` by epoll: it wakes at the time that was asked for, and finds what is ready at the same cost however many there are.
  package struct EpollPoller: ~Copyable {
    private let epoll: FileDescriptor

    package init() throws(LinkError) {
      let fd = martlet_epoll_open()
      guard fd >= 0 else {
        throw LinkError(
          .failed, errno: Errno(rawValue: -fd), "cannot make an epoll set: \(Errno(rawValue: -fd))")
      }
      epoll = FileDescriptor(rawValue: fd)
    }

    deinit { try? epoll.close() }

    /// Has the calling thread wake at the time it asked for, not up to 50 µs later.
    package mutating func wakesPrecisely() { martlet_wake_precisely() }

    /// Watches a descriptor for reading.
    package mutating func add(_ descriptor: FileDescriptor, tag: Int) throws(LinkError) {
      try watch(descriptor, tag: tag, change: 0, writing: false)
    }

    /// Watches a descriptor no longer; it may be closed already.
    package mutating func remove(_ descriptor: FileDescriptor, tag: Int) {
      martlet_epoll_forget(epoll.rawValue, descriptor.rawValue)
    }

    /// Watches a descriptor that was added also for writing, or no longer.
    package mutating func setWriting(_ writing: Bool, _ descriptor: FileDescriptor, tag: Int)
      throws(LinkError)
    {
      try watch(descriptor, tag: tag, change: 1, writing: writing)
    }

    private func watch(
      _ descriptor: FileDescriptor, tag: Int, change: Int32, writing: Bool
    ) throws(LinkError) {
      let result = martlet_epoll_watch(
        epoll.rawValue, change, descriptor.rawValue, writing ? 1 : 0, UInt32(truncatingIfNeeded: tag))
      guard result < 0 else { return }
      let errno = Errno(rawValue: -result)
      throw LinkError(.failed, errno: errno, "cannot wait for a link: \(errno)")
    }

    /// Sleeps until something is ready or the time is up; nil: for as long as it takes.
    package mutating func wait(atMost limit: TimeAmount?) throws(LinkError) -> ReadyDescriptors {
      var masks = martlet_ready()
      let count = martlet_epoll_wait(
        epoll.rawValue, &masks, max(limit?.nanoseconds ?? -1, limit == nil ? -1 : 0))
      guard count < 0 && count != -Errno.interrupted.rawValue else {
        return ReadyDescriptors(readable: masks.readable, writable: masks.writable)
      }
      let errno = Errno(rawValue: -count)
      throw LinkError(.failed, errno: errno, "cannot wait for links: \(errno)")
    }
  }
#endif
