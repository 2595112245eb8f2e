import MartletStack
import MartletTCP
import MartletWire

// A packet from the moment a node lets go of it until it is on its way.

extension Simulation {
  /// Takes the next packet that a host has for a link. False: there is none.
  func pull(_ host: Host, _ attachment: Attachment, _ own: Instant) -> Bool {
    // The stack writes where the packet stays until it arrives.
    let place = pool.take(room: attachment.mtu)
    let packet = pool[place].writing {
      host.stack.nextPacket(on: attachment.interface, into: &$0, now: own)
    }
    guard let packet else {
      pool.release(place)
      return false
    }
    packets &+= 1
    host.traffic.packetsOut &+= 1
    host.traffic.octetsOut &+= UInt64(packet.count)
    transmit(place, packet.count, on: WayID(to: 1 &- attachment.side, of: attachment.link))
    return true
  }

  /// A packet leaves a node.
  func transmit(_ place: Int, _ count: Int, on way: WayID) {
    if hashesPackets { mixIntoHash(place, count, on: way) }
    if rules.isEmpty {
      carry(place, count, on: way)
    } else {
      transmitByRule(place, count, on: way)
    }
  }

  /// Rules see packets of their own.
  private func transmitByRule(_ place: Int, _ count: Int, on way: WayID) {
    var packet = transitPacket(place, count, on: way)
    let action = rule(for: packet)
    if case .edit(let edit) = action {
      edit(&packet.octets)
      pool[place] = packet.octets
    }
    carry(place, packet.octets.count, on: way, action)
  }

  private func transitPacket(_ place: Int, _ count: Int, on way: WayID) -> TransitPacket {
    let link = links[way.link]
    return TransitPacket(
      time: now, source: link.end(1 - way.side).node, destination: link.end(way.side).node,
      octets: Array(pool[place][..<count]))
  }

  private func rule(for packet: TransitPacket) -> PacketRule.Action {
    for place in rules.indices where rules[place].matches(packet) {
      rules[place].matched += 1
      if rules[place].which.contains(rules[place].matched) { return rules[place].action }
    }
    return .pass
  }

  /// The link's own conditions, and what a rule wants besides.
  private func carry(_ place: Int, _ count: Int, on way: WayID, _ action: PacketRule.Action = .pass) {
    var packet = WaitingPacket(place: place, count: count, entered: now)
    if case .delay(let amount) = action { packet.late = amount }
    if case .duplicate(let amount) = action { packet.copy = amount }
    if case .drop = action { return conclude(packet, Passage(.droppedByRule), on: way) }
    guard links[way.link].isUp(to: way.side) else { return conclude(packet, Passage(.partitioned), on: way) }
    if let limit = limit(of: way, for: count) {
      directions[way.index].counts.tooBig &+= 1
      let octets = Array(pool[place][..<count])
      conclude(packet, Passage(.tooBig), on: way)
      return complainOfSize(octets, limit, on: way)
    }
    if directions[way.index].hasDiscipline { return lineUp(packet, on: way) }
    conclude(packet, directions[way.index].admit(count, now: now), on: way)
  }

  /// The largest packet that the way takes; nil: this one is not too large.
  private func limit(of way: WayID, for count: Int) -> Int? {
    let mtu = Int(directions[way.index].conditions.mtu)
    if mtu > 0, count > mtu { return mtu }
    let wire = links[way.link].end(way.side).mtu
    return count > wire ? wire : nil
  }

  /// Marks, corrupts and launches what arrives, and tells the tap.
  func conclude(_ packet: WaitingPacket, _ decided: Passage, on way: WayID) {
    var passage = decided
    var seen: TransitPacket?
    if tap != nil {
      seen = transitPacket(packet.place, packet.count, on: way)
      seen?.time = packet.entered
    }
    if passage.fate == .delivered {
      if passage.isMarked { passage.isMarked = mark(packet.place, packet.count, on: way) }
      if passage.isCorrupted { passage.fate = corrupt(packet.place, packet.count, on: way) }
    }
    if passage.fate.arrives {
      passage.arrival = passage.arrival.advanced(by: packet.late)
      if let amount = packet.copy { passage.secondArrival = passage.arrival.advanced(by: amount) }
      launch(packet.place, packet.count, passage.arrival, on: way)
      if let second = passage.secondArrival {
        launch(pool.take(pool[packet.place]), packet.count, second, on: way)
      }
    } else {
      pool.release(packet.place)
    }
    if let seen { tap?(Observation(seen, passage)) }
  }

  private func mark(_ place: Int, _ count: Int, on way: WayID) -> Bool {
    guard CongestionMark.set(on: &pool[place], count) else { return false }
    directions[way.index].counts.marked &+= 1
    return true
  }

  private func corrupt(_ place: Int, _ count: Int, on way: WayID) -> PacketFate {
    let conditions = directions[way.index].conditions
    let bits = 1 + Int(directions[way.index].random.below(UInt64(max(conditions.corruptedBits, 1))))
    let original = Array(pool[place][..<count])
    var changed = original
    Corruption.flip(bits, of: &changed, &directions[way.index].random)
    let isUndetected = Corruption.isUndetected(changed, from: original)
    if isUndetected, conditions.sparesUndetected { return .lost }
    pool[place] = changed
    guard isUndetected else { return .corrupted }
    undetectedCorruptions &+= 1
    return .corruptedUndetected
  }

  func launch(_ place: Int, _ count: Int, _ arrival: Instant, on way: WayID) {
    order &+= 1
    flights.insert(
      Flight(
        arrival: arrival, order: order, way: way, place: UInt32(truncatingIfNeeded: place),
        count: UInt32(truncatingIfNeeded: count)))
  }

  /// Fowler, Noll and Vo's hash, eight octets at a time.
  private func mixIntoHash(_ place: Int, _ count: Int, on way: WayID) {
    let source = links[way.link].end(1 &- way.side).node
    let destination = links[way.link].end(way.side).node
    mix(now.nanoseconds, into: &packetHash)
    mix(source.word << 32 | destination.word, into: &packetHash)
    mix(pool[place], count, into: &packetHash)
  }

  private func mix(_ octets: [UInt8], _ count: Int, into hash: inout UInt64) {
    let bytes = octets.rawSpan
    var offset = 0
    while offset &+ 8 <= count {
      mix(bytes.be64(offset), into: &hash)
      offset &+= 8
    }
    while offset < count {
      mix(UInt64(bytes.u8(offset)), into: &hash)
      offset &+= 1
    }
  }

  @inline(__always)
  private func mix(_ word: UInt64, into hash: inout UInt64) {
    hash = (hash ^ word) &* 0x0000_0100_0000_01b3
    hash ^= hash >> 29
  }
}

extension PacketFate {
  /// Whether something of it comes out at the other end.
  var arrives: Bool {
    switch self {
    case .delivered, .corrupted, .corruptedUndetected: true
    case .lost, .overflowed, .droppedByQueue, .tooBig, .partitioned, .droppedByRule: false
    }
  }
}

extension NodeID {
  /// For the hash: a host's own number, others beyond.
  fileprivate var word: UInt64 {
    switch self {
    case .host(let id): UInt64(id.index)
    case .router(let id): UInt64(id.index) | 1 << 24
    case .broadcastDomain(let id): UInt64(id.index) | 1 << 25
    }
  }
}
