#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletTCP
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// Both ways to wait, that of Linux and that of every other system, do the same.
  @Suite("Waiting for descriptors")
  struct PollerTests {
    private func found(_ ready: ReadyDescriptors) -> [String] {
      (0..<32).flatMap {
        (ready.isReadable($0) ? ["\($0) r"] : []) + (ready.isWritable($0) ? ["\($0) w"] : [])
      }
    }

    private func exercise<P: WaitingForDescriptors & ~Copyable>(_ poller: inout P) throws {
      let first = try Wakeup()
      let second = try Wakeup()
      try poller.add(first.descriptor, tag: 0)
      try poller.add(second.descriptor, tag: ReadyDescriptors.mailboxTag)
      let before = SystemClock.now
      #expect(found(try poller.wait(atMost: .zero)).isEmpty)
      #expect(found(try poller.wait(atMost: .microseconds(1_500))).isEmpty)
      #expect(SystemClock.now.since(before) >= .microseconds(1_500), "too early")
      second.signal()
      #expect(found(try poller.wait(atMost: nil)) == ["31 r"])
      first.signal()
      #expect(found(try poller.wait(atMost: .hours(1_000_000))) == ["0 r", "31 r"])
      second.clear()
      #expect(found(try poller.wait(atMost: .seconds(1))) == ["0 r"])
      first.clear()
      #expect(found(try poller.wait(atMost: .zero)).isEmpty)

      try poller.setWriting(true, first.descriptor, tag: 0)
      #expect(found(try poller.wait(atMost: nil)) == ["0 w"])
      try poller.setWriting(false, first.descriptor, tag: 0)
      #expect(found(try poller.wait(atMost: .zero)).isEmpty)

      first.signal()
      poller.remove(first.descriptor, tag: 0)
      #expect(found(try poller.wait(atMost: .zero)).isEmpty)
      // Under the tag of one that is gone.
      second.signal()
      poller.remove(second.descriptor, tag: ReadyDescriptors.mailboxTag)
      try poller.add(second.descriptor, tag: 0)
      #expect(found(try poller.wait(atMost: nil)) == ["0 r"])
      // Twice is no harm, nor is one that was never there.
      poller.remove(first.descriptor, tag: 0)
      poller.remove(first.descriptor, tag: 5)
      #expect(found(try poller.wait(atMost: nil)) == ["0 r"])
    }

    @Test("By epoll") func epoll() throws {
      var poller = try EpollPoller()
      try exercise(&poller)
    }

    @Test("By poll") func poll() throws {
      var poller = try PollPoller()
      try exercise(&poller)
    }

    @Test("Whose other end is closed is ready for both") func closed() throws {
      var poller = try PollPoller()
      var ends: [Int32] = [-1, -1]
      #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      let ours = FileDescriptor(rawValue: ends[0])
      try poller.add(ours, tag: 3)
      #expect(found(try poller.wait(atMost: .zero)).isEmpty)
      try FileDescriptor(rawValue: ends[1]).close()
      #expect(found(try poller.wait(atMost: nil)) == ["3 r", "3 w"])
      try ours.close()
    }
  }

  private protocol WaitingForDescriptors: ~Copyable {
    mutating func add(_ descriptor: FileDescriptor, tag: Int) throws(LinkError)
    mutating func remove(_ descriptor: FileDescriptor, tag: Int)
    mutating func setWriting(_ writing: Bool, _ descriptor: FileDescriptor, tag: Int) throws(LinkError)
    mutating func wait(atMost limit: TimeAmount?) throws(LinkError) -> ReadyDescriptors
  }
  extension EpollPoller: WaitingForDescriptors {}
  extension PollPoller: WaitingForDescriptors {}
#endif
