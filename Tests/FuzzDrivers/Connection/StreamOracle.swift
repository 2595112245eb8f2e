import MartletTCP
import MartletWire

// What each octet of a stream must be is a function of its place in the stream, so that every octet
// that is delivered or sent can be checked without remembering what was put in.

/// The octet of the peer's stream at `offset` from IRS + 1. A peer that lies sends another one there.
func inboundOctet(_ offset: UInt32, lie: Bool) -> UInt8 {
  let octet = UInt8(truncatingIfNeeded: (offset &* 0x9e37_79b1) >> 23)
  return lie ? ~octet : octet
}

/// The octet of this side's stream at `offset` from ISS + 1.
func outboundOctet(_ offset: UInt32) -> UInt8 {
  UInt8(truncatingIfNeeded: (offset &* 0x85eb_ca6b) >> 21)
}

/// Which version of each octet of the peer's stream was kept first: that one must be delivered, whatever
/// comes later for the same place (robustness rule R5).
struct InboundStream {
  var irs: SequenceNumber
  /// Octets that the reader got.
  private(set) var delivered: UInt32 = 0
  /// By offset. 0: nothing kept yet, 1: the true octet, 2: the lie.
  private var kept: [UInt8] = []

  init(irs: SequenceNumber) {
    self.irs = irs
  }

  func offset(of seq: SequenceNumber) -> UInt32 { seq.distance(from: irs.advanced(by: 1)) }

  /// The text of a segment.
  func text(from seq: SequenceNumber, count: Int, lie: Bool) -> [UInt8] {
    let start = offset(of: seq)
    return (0..<UInt32(count)).map { inboundOctet(start &+ $0, lie: lie) }
  }

  /// `range` is held now by the connection; what was not before has come with the segment that just arrived.
  mutating func keep(_ range: SequenceRange, lie: Bool) {
    let start = Int(offset(of: range.start))
    let end = start + Int(range.count)
    if kept.count < end { kept += [UInt8](repeating: 0, count: end - kept.count) }
    for i in start..<end where kept[i] == 0 { kept[i] = lie ? 2 : 1 }
  }

  /// Checks octets that the reader was given, or was shown `ahead` of the next.
  func check(_ octets: ArraySlice<UInt8>, ahead: UInt32 = 0) throws(Finding) {
    var place = delivered &+ ahead
    for octet in octets {
      let version = Int(place) < kept.count ? kept[Int(place)] : 0
      try expect(version != 0, "octet \(place) is delivered, but never came in a segment that was taken")
      try expect(
        octet == inboundOctet(place, lie: version == 2),
        "octet \(place) is delivered as it was when it first arrived")
      place &+= 1
    }
  }

  mutating func deliver(_ octets: ArraySlice<UInt8>) throws(Finding) {
    try check(octets)
    delivered &+= UInt32(octets.count)
  }
}
