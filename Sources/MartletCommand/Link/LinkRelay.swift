#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletSimulator
  import MartletStack
  import MartletTCP

  /// Carries packets between two devices, each direction along a damaged path.
  struct LinkRelay: ~Copyable {
    let control: LoopControl
    private(set) var forward: DamagedPath
    private(set) var backward: DamagedPath
    private var left: TUNLink
    private var right: TUNLink
    private var poller: Poller
    /// What enters and leaves by the left device, and by the right, with what becomes of it.
    private let capture: CaptureFile?
    /// A batch was as large as it may be: there may be more to receive.
    private var hasArrivals = false
    private var leftRoom = Room()
    private var rightRoom = Room()

    /// Packets taken from a device before the other has its turn.
    private static let batch = 64

    private enum Tag {
      static let left = 0
      static let right = 1
    }

    /// Whether a device takes packets, and whether the poller watches for that.
    private struct Room {
      var isFull = false
      var isWatched = false
    }

    init(
      _ left: consuming TUNLink, _ right: consuming TUNLink, _ plan: LinkPlan, seed: UInt64,
      capture: CaptureFile?
    ) throws(LinkError) {
      var poller = try Poller()
      let control = try LoopControl()
      try poller.add(control.wakeup.descriptor, tag: ReadyDescriptors.mailboxTag)
      if let descriptor = left.readiness { try poller.add(descriptor, tag: Tag.left) }
      if let descriptor = right.readiness { try poller.add(descriptor, tag: Tag.right) }
      poller.wakesPrecisely()
      self.poller = poller
      self.control = control
      self.capture = capture
      var seeds = SplitMix64(seed)
      forward = DamagedPath(plan.forward, seed: seeds.next(), largestPacket: left.mtu)
      backward = DamagedPath(plan.backward, seed: seeds.next(), largestPacket: right.mtu)
      self.left = left
      self.right = right
    }

    /// Waits for packets or for the time at which one arrives, and carries what there is.
    mutating func turn() throws(LinkError) {
      let ready = try poller.wait(atMost: patience)
      if ready.isReadable(ReadyDescriptors.mailboxTag) { control.wakeup.clear() }
      if ready.isWritable(Tag.left) { leftRoom.isFull = false }
      if ready.isWritable(Tag.right) { rightRoom.isFull = false }
      let fromLeft = try Self.receive(&left, &forward, capture, Tag.left)
      let fromRight = try Self.receive(&right, &backward, capture, Tag.right)
      hasArrivals = max(fromLeft, fromRight) == Self.batch
      try Self.deliver(&forward, &right, &rightRoom, &poller, capture, Tag.right)
      try Self.deliver(&backward, &left, &leftRoom, &poller, capture, Tag.left)
    }

    /// How long nothing happens by itself; nil: for ever.
    private var patience: TimeAmount? {
      if hasArrivals { return .zero }
      let now = SystemClock.now
      var patience: TimeAmount?
      if !rightRoom.isFull, let next = forward.nextArrival { patience = next.since(now) }
      if !leftRoom.isFull, let next = backward.nextArrival {
        patience = min(patience ?? next.since(now), next.since(now))
      }
      return patience
    }

    private static func receive(
      _ link: inout TUNLink, _ path: inout DamagedPath, _ capture: CaptureFile?, _ tag: Int
    ) throws(LinkError) -> Int {
      let now = SystemClock.now
      return try link.receive(limit: batch, now: now) { packet, _ in
        let fate = path.accept(packet, now: now)
        capture?.add(.received, packet, on: tag, comment: fate.text, at: now)
      }
    }

    private static func deliver(
      _ path: inout DamagedPath, _ link: inout TUNLink, _ room: inout Room, _ poller: inout Poller,
      _ capture: CaptureFile?, _ tag: Int
    ) throws(LinkError) {
      guard !room.isFull else { return }
      let now = SystemClock.now
      let outcome = try link.send(limit: .max, now: now) { buffer in
        guard let count = path.next(into: &buffer, now: now) else { return nil }
        capture?.add(.sent, buffer.bytes.extracting(first: count), on: tag, at: now)
        return OutgoingPacket(count: count)
      }
      room.isFull = outcome == .full
      guard room.isFull != room.isWatched, let descriptor = link.readiness else { return }
      room.isWatched = room.isFull
      try poller.setWriting(room.isFull, descriptor, tag: tag)
    }
  }
#endif
