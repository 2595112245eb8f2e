import MartletStack
import MartletTCP
import MartletWire

// A packet from the moment a host lets go of it until it is on its way.

extension Simulation {
  /// Takes the next packet that a host has for a link. False: there is none.
  func pull(_ host: Host, _ attachment: Attachment) -> Bool {
    // The stack writes where the packet stays until it arrives.
    let place = pool.take(room: attachment.mtu)
    let now = now
    let packet = pool[place].writing {
      host.stack.nextPacket(on: attachment.interface, into: &$0, now: now)
    }
    guard let packet else {
      pool.release(place)
      return false
    }
    transmit(place, packet.count, from: attachment)
    return true
  }

  private func transmit(_ place: Int, _ count: Int, from attachment: Attachment) {
    packets &+= 1
    let way = WayID(to: 1 &- attachment.side, of: attachment.link)
    if hashesPackets { mixIntoHash(place, count, from: attachment.host, to: destination(of: way)) }
    if tap == nil, rules.isEmpty {
      carry(place, count, on: way)
    } else {
      transmitInSight(place, count, from: attachment, on: way)
    }
  }

  private func destination(of way: WayID) -> HostID { links[way.link].end(way.side).host }

  /// Rules and taps see packets of their own.
  private func transmitInSight(
    _ place: Int, _ count: Int, from attachment: Attachment, on way: WayID
  ) {
    var packet = TransitPacket(
      time: now, source: attachment.host, destination: destination(of: way),
      octets: Array(pool[place][..<count]))
    let action = rule(for: packet)
    if case .edit(let edit) = action {
      edit(&packet.octets)
      pool[place] = packet.octets
    }
    let passage: Passage
    if case .drop = action {
      pool.release(place)
      passage = Passage(.droppedByRule)
    } else {
      passage = carry(place, packet.octets.count, on: way, action)
    }
    tap?(Observation(packet, passage))
  }

  private func rule(for packet: TransitPacket) -> PacketRule.Action {
    for place in rules.indices where rules[place].matches(packet) {
      rules[place].matched += 1
      if rules[place].which.contains(rules[place].matched) { return rules[place].action }
    }
    return .pass
  }

  /// The link's own conditions, and what a rule wants besides.
  @discardableResult
  private func carry(
    _ place: Int, _ count: Int, on way: WayID, _ action: PacketRule.Action = .pass
  ) -> Passage {
    var passage =
      links[way.link].isUp ? directions[way.index].admit(count, now: now) : Passage(.partitioned)
    if passage.fate == .delivered {
      if passage.isMarked { passage.isMarked = mark(place, count, on: way) }
      if passage.isCorrupted { passage.fate = corrupt(place, count, on: way) }
    }
    guard passage.fate.arrives else {
      pool.release(place)
      return passage
    }
    if case .delay(let amount) = action { passage.arrival = passage.arrival.advanced(by: amount) }
    if case .duplicate(let amount) = action {
      passage.secondArrival = passage.arrival.advanced(by: amount)
    }
    launch(place, count, passage.arrival, on: way)
    if let second = passage.secondArrival { launch(pool.take(pool[place]), count, second, on: way) }
    return passage
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

  private func launch(_ place: Int, _ count: Int, _ arrival: Instant, on way: WayID) {
    order &+= 1
    flights.insert(
      Flight(
        arrival: arrival, order: order, way: way, place: UInt32(truncatingIfNeeded: place),
        count: UInt32(truncatingIfNeeded: count)))
  }

  /// Fowler, Noll and Vo's hash, eight octets at a time.
  private func mixIntoHash(_ place: Int, _ count: Int, from source: HostID, to destination: HostID) {
    mix(now.nanoseconds, into: &packetHash)
    mix(UInt64(source.index) << 32 | UInt64(destination.index), into: &packetHash)
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
    case .lost, .overflowed, .partitioned, .droppedByRule: false
    }
  }
}
