#if os(Linux)
  import CMartletSystem
  import MartletLinks
  import MartletTCP
  import SystemPackage

  /// Waits for up to 32 descriptors and for a time.
  package struct Poller: ~Copyable {
    private let epoll: FileDescriptor

    /// Tags below 31 are the caller's; this one is the loop's own mailbox.
    package static var mailboxTag: Int { 31 }

    package struct Ready {
      private var masks = martlet_ready()

      fileprivate init(_ masks: martlet_ready) { self.masks = masks }

      package func isReadable(_ tag: Int) -> Bool { masks.readable & 1 << UInt32(tag) != 0 }
      package func isWritable(_ tag: Int) -> Bool { masks.writable & 1 << UInt32(tag) != 0 }
    }

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
    package func wakesPrecisely() { martlet_wake_precisely() }

    /// Watches a descriptor for reading.
    package func add(_ descriptor: FileDescriptor, tag: Int) throws(LinkError) {
      try watch(descriptor, tag: tag, change: 0, writing: false)
    }

    /// Watches a descriptor that was added also for writing, or no longer.
    package func setWriting(_ writing: Bool, _ descriptor: FileDescriptor, tag: Int) throws(LinkError) {
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
    package func wait(atMost limit: TimeAmount?) throws(LinkError) -> Ready {
      var masks = martlet_ready()
      let count = martlet_epoll_wait(
        epoll.rawValue, &masks, max(limit?.nanoseconds ?? -1, limit == nil ? -1 : 0))
      guard count < 0 && count != -Errno.interrupted.rawValue else { return Ready(masks) }
      let errno = Errno(rawValue: -count)
      throw LinkError(.failed, errno: errno, "cannot wait for links: \(errno)")
    }
  }
#endif
