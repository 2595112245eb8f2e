#if os(Linux)
  import MartletStack
  import MartletTCP
  import SystemPackage

  /// One of several queues of a device, each with a stack and a thread of its own: what arrives here and is another
  /// stack's is handed to it, and what another hands over arrives here.
  ///
  /// A device has its own mind of which queue a flow belongs to, and forgets it (a TUN device after three seconds without
  /// a packet from us). The owner of a flow is decided by `Steering`, and so each segment finds its connection; whatever
  /// came by the wrong queue is a stray, counted in `LinkCounters.strays`. Between two stacks there is room for 4,096 of them
  /// or 1 MiB; what finds none is lost like anything that a queue has no room for (`strayDrops`).
  public struct SteeredLink<Base: Link & ~Copyable>: Link, ~Copyable {
    private var base: Base
    private let place: ShardPlace
    private let steering: Steering
    /// The device's descriptor and the wake-up of the others, in one.
    private var descriptors: DescriptorPair
    private var strays: UInt64 = 0
    private var strayDrops: UInt64 = 0
    private var firstRing = 0

    /// - Parameter place: `ShardExchange.places` gives one to each.
    public init(_ base: consuming Base, at place: ShardPlace, of steering: Steering) throws(LinkError) {
      descriptors = try DescriptorPair(base.readiness, place.wakeup.descriptor)
      self.base = base
      self.place = place
      self.steering = steering
    }

    public var name: String { base.name }
    public var mtu: Int { base.mtu }
    public var largestPacket: Int { base.largestPacket }
    public var medium: Medium { base.medium }
    public var offload: InterfaceConfiguration.Offload { base.offload }
    public var readiness: FileDescriptor? { descriptors.both }
    public var roomSignal: RoomSignal { .readable }

    public var counters: LinkCounters {
      var all = base.counters
      all.strays = strays
      all.strayDrops = strayDrops
      return all
    }

    public mutating func receive(
      limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      place.wakeup.clear()
      // Half for what others hand over: neither may keep the other waiting.
      let share = max(limit / 2, 1)
      var taken = 0
      // Each time another one begins, or who writes much would keep the others waiting.
      firstRing = (firstRing + 1) % max(place.incoming.count, 1)
      for k in place.incoming.indices {
        let ring = place.incoming[(firstRing + k) % place.incoming.count]
        while taken < share, ring.consume(deliver) { taken += 1 }
      }
      // Nobody signals for what is left a second time.
      if place.hasArrivals { place.wakeup.signal() }
      guard taken < limit else { return taken }
      let (steering, place, medium) = (steering, place, base.medium)
      var handed: UInt64 = 0
      var dropped: UInt64 = 0
      var isForAll = false
      taken += try base.receive(limit: limit - taken, now: now) { packet, metadata in
        switch steering.recipients(of: packet, on: medium) {
        case .one(place.index): deliver(packet, metadata)
        case .one(let owner):
          if place.hand(packet, metadata, to: owner) { handed += 1 } else { dropped += 1 }
        case .all:
          deliver(packet, metadata)
          place.handToAll(packet, metadata)
          isForAll = true
        }
      }
      count(handed, dropped)
      if isForAll { place.wakeOthers() }
      try descriptors.follow(base.readiness)
      return taken
    }

    public mutating func send(
      limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
    ) throws(LinkError) -> SendOutcome {
      let place = place
      var handed: UInt64 = 0
      var dropped: UInt64 = 0
      let outcome = try base.send(limit: limit, now: now) { room in
        while let packet = fill(&room) {
          guard packet.metadata.shard > 0 else { return packet }
          let octets = room.bytes.extracting(first: packet.count)
          if place.hand(octets, packet.metadata, to: Int(packet.metadata.shard) - 1) {
            handed += 1
          } else {
            dropped += 1
          }
        }
        return nil
      }
      count(handed, dropped)
      try descriptors.follow(base.readiness)
      try descriptors.watchForRoom(outcome == .full && base.roomSignal == .writable)
      return outcome
    }

    private mutating func count(_ handed: UInt64, _ dropped: UInt64) {
      strays += handed + dropped
      strayDrops += dropped
      if handed > 0 { place.wakeOthers() }
    }
  }

  extension SteeredLink: Sendable where Base: Sendable & ~Copyable {}
#endif
