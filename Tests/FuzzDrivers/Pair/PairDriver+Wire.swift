import MartletStack
import MartletTCP
import MartletWire

// What a path does to packets. Lost, late, doubled, old and damaged ones a TCP must bear; and windows that a hop has
// altered, and marks. Whoever forges numbers and checksums is believed.

extension PairDriver {
  private mutating func choose() -> Int? {
    wire.count < 2 ? (wire.count == 1 ? 0 : nil) : Int(script.next()) % wire.count
  }

  mutating func lose(_ how: Int) {
    switch how {
    case 0...4:
      guard let i = choose() else { return }
      tell("lost: \(packetText(wire[i].octets.span.bytes))")
      wire.drop(i)
    case 5: wire.isCut[0].toggle()
    case 6: wire.isCut[1].toggle()
    default: wire.isCut = [false, false]
    }
  }

  /// One that is on its way comes twice, or one of the past again.
  mutating func `repeat`(_ how: Int) {
    if how < 4 {
      guard let i = choose() else { return }
      var twin = wire[i]
      twin.arrival = twin.arrival.advanced(by: .milliseconds(Int64(how) * 7))
      wire.add(twin)
    } else {
      let which = Int(script.next())
      guard let packet = wire.old(which, now: now, evenDead: setup.mayForge) else { return }
      tell("again: \(packetText(packet.octets.span.bytes))")
      wire.add(packet)
    }
  }

  mutating func delay(_ how: Int) {
    guard let i = choose() else { return }
    let amount = TimeAmount.milliseconds([1, 5, 40, 200, 1_000, 3_000, 8_000, 20_000][how])
    let arrival = max(wire[i].arrival, now).advanced(by: amount)
    guard arrival.since(wire[i].sentAt) < PairWire.lifetime else { return }
    wire[i].arrival = arrival
  }

  /// A wrong bit, or the end is missing: the checksum or a length must tell.
  mutating func damage(_ how: Int) {
    guard let i = choose() else { return }
    let place = script.next16()
    guard !wire[i].isHurt, !wire[i].octets.isEmpty else { return }
    wire[i].isHurt = true
    if how == 7 {
      wire[i].octets.removeLast(1 + Int(place) % wire[i].octets.count)
    } else {
      wire[i].octets[Int(place >> 3) % wire[i].octets.count] ^= 1 << UInt8(truncatingIfNeeded: place & 7)
    }
    tell("damaged at \(place): \(packetText(wire[i].octets.span.bytes))")
  }

  /// Altered, with a checksum that is right.
  mutating func edit(_ how: Int) {
    guard let i = choose() else { return }
    let value = script.next16()
    guard !wire[i].isHurt else { return }
    var octets = wire[i].octets
    let transport = setup.overIPv6 ? 40 : 20
    let isSegment = octets.count >= transport + 20 && octets[setup.overIPv6 ? 6 : 9] == 6
    switch how {
    case 0...1 where isSegment:
      // A shut window, a smaller or a larger one.
      octets = replacing(octets, value, at: transport + 14)
    case 2: mark(&octets)
    case 3... where setup.mayForge: forge(&octets, how, transport, value)
    default: return
    }
    wire[i].octets = repaired(octets)
    tell("edited: \(packetText(wire[i].octets.span.bytes))")
  }

  /// Congestion experienced (RFC 3168 §5).
  private func mark(_ octets: inout Octets) {
    guard octets.count > 1 else { return }
    if setup.overIPv6 { octets[1] |= 0x30 } else { octets[1] |= 3 }
  }

  private mutating func forge(_ octets: inout Octets, _ how: Int, _ transport: Int, _ value: UInt16) {
    func move(_ place: Int) {
      guard octets.count >= place + 4 else { return }
      let old = SequenceNumber(octets.span.bytes.be32(place))
      let new = old.moved(by: Int(Int16(bitPattern: value))).rawValue
      octets = replacing(octets, UInt16(truncatingIfNeeded: new >> 16), at: place)
      octets = replacing(octets, UInt16(truncatingIfNeeded: new), at: place + 2)
    }
    switch how {
    case 3: move(transport + 4)
    case 4: move(transport + 8)
    case 5 where octets.count > transport + 13: octets[transport + 13] ^= UInt8(truncatingIfNeeded: value)
    case 6: octets.removeLast(min(Int(value), octets.count - 1))
    default: octets[Int(value >> 8) % octets.count] ^= UInt8(truncatingIfNeeded: value)
    }
  }
}
