import MartletWire
import Testing

/// All triples of a circle of 2^8 points, on the code for 2^32.
///
/// The point x stands for x · 2^24. That carries sums, differences and their signs over exactly, and the predicates
/// are made of nothing else: on these points the 32-bit code is the 8-bit arithmetic. The oracle counts in 64 bits,
/// where nothing wraps. Points between, where low bits carry or borrow, are tried in optimised builds with offsets
/// at both ends of the 24 bits; they are a sample, not all.
@Suite struct SequenceTripleTests {
  struct Offsets: Sendable {
    var a: UInt32
    var b: UInt32
    var c: UInt32
  }

  #if DEBUG
    static let offsets = [Offsets(a: 0, b: 0, c: 0)]
  #else
    static let offsets = [
      Offsets(a: 0, b: 0, c: 0), Offsets(a: 0xff_ffff, b: 0, c: 1), Offsets(a: 0, b: 0xff_ffff, c: 0xff_ffff),
      Offsets(a: 1, b: 0xff_ffff, c: 0),
    ]
  #endif

  private static func distance(_ from: UInt32, _ to: UInt32) -> Int64 {
    (Int64(to) - Int64(from) + (1 << 32)) % (1 << 32)
  }

  @Test(
    "T2 all 2^24 triples of start, length and point: membership is counting round the circle",
    arguments: offsets)
  func membership(_ low: Offsets) {
    var wrong = 0
    for x in 0..<UInt32(256) {
      let start = x << 24 | low.a
      for y in 0..<UInt32(256) {
        let point = y << 24 | low.b
        let steps = Self.distance(start, point)
        var length = low.c
        for _ in 0..<256 {
          let isWithin = SequenceNumber(point).isWithin(from: SequenceNumber(start), length: length)
          if isWithin != (steps < Int64(length)) { wrong &+= 1 }
          length = length &+ 1 << 24
        }
      }
    }
    #expect(wrong == 0)
  }

  @Test(
    "T2 all 2^24 triples of two points and a turn: order and distance turn with the circle",
    arguments: offsets)
  func turning(_ low: Offsets) {
    var wrong = 0
    for x in 0..<UInt32(256) {
      let a = SequenceNumber(x << 24 | low.a)
      for y in 0..<UInt32(256) {
        let b = SequenceNumber(y << 24 | low.b)
        let ahead = Self.distance(a.rawValue, b.rawValue)
        // Half a turn exactly has no order: each precedes the other.
        let precedes = ahead >= 1 << 31
        let follows = ahead > 0 && ahead < 1 << 31
        var turn = low.c
        for _ in 0..<256 {
          let p = b.advanced(by: turn)
          let q = a.advanced(by: turn)
          if p.precedes(q) != precedes || p.follows(q) != follows || p.distance(from: q) != UInt32(ahead) {
            wrong &+= 1
          }
          turn = turn &+ 1 << 24
        }
      }
    }
    #expect(wrong == 0)
  }

  @Test(
    "T2 all 2^24 triples: within half a turn order is transitive, and earliest and latest agree with it",
    arguments: offsets)
  func transitivity(_ low: Offsets) {
    var wrong = 0
    for x in 0..<UInt32(256) {
      let a = SequenceNumber(x << 24 | low.a)
      for y in 0..<UInt32(256) {
        let b = SequenceNumber(y << 24 | low.b)
        let ab = Self.distance(a.rawValue, b.rawValue)
        var last = low.c
        for _ in 0..<256 {
          let c = SequenceNumber(last)
          last = last &+ 1 << 24
          let ac = Self.distance(a.rawValue, c.rawValue)
          // The three in this order on less than half of the circle.
          guard ab <= ac, ac < 1 << 31 else { continue }
          if !a.precedesOrEquals(b) || !b.precedesOrEquals(c) || !a.precedesOrEquals(c)
            || !c.followsOrEquals(a) || SequenceNumber.earliest(c, SequenceNumber.earliest(b, a)) != a
            || SequenceNumber.latest(SequenceNumber.latest(b, a), c) != c
          {
            wrong &+= 1
          }
        }
      }
    }
    #expect(wrong == 0)
  }
}
