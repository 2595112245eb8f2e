/// Waits for up to 32 descriptors and for a time.
#if os(Linux)
  package typealias Poller = EpollPoller
#else
  package typealias Poller = PollPoller
#endif

/// What a poller found under each tag.
package struct ReadyDescriptors: Equatable {
  private let readable: UInt32
  private let writable: UInt32

  /// Tags below 31 are the caller's; this one is the loop's own mailbox.
  package static var mailboxTag: Int { 31 }

  init(readable: UInt32, writable: UInt32) {
    self.readable = readable
    self.writable = writable
  }

  package func isReadable(_ tag: Int) -> Bool { readable & 1 << UInt32(tag) != 0 }
  package func isWritable(_ tag: Int) -> Bool { writable & 1 << UInt32(tag) != 0 }
}
