import MartletWire
import Testing

@Suite struct SequenceNumberTests {
  @Test("T2 order on the circle of 2^8, embedded in that of 2^32, is the sign of the difference")
  func orderOnSmallCircle() {
    var wrong = 0
    for a in UInt8.min...UInt8.max {
      for b in UInt8.min...UInt8.max {
        let first = SequenceNumber(UInt32(a) << 24)
        let second = SequenceNumber(UInt32(b) << 24)
        let difference = Int8(bitPattern: a &- b)
        if first.precedes(second) != (difference < 0) { wrong += 1 }
        if first.precedesOrEquals(second) != (difference <= 0) { wrong += 1 }
        if first.follows(second) != (difference > 0) { wrong += 1 }
        if first.followsOrEquals(second) != (difference >= 0) { wrong += 1 }
        if first.distance(from: second) != UInt32(a &- b) << 24 { wrong += 1 }
      }
    }
    #expect(wrong == 0)
  }

  @Test("T2 a window on the circle of 2^6: membership by counting round it")
  func windowsOnSmallCircle() {
    var wrong = 0
    for start in 0..<64 {
      for length in 0..<64 {
        var members = Set<Int>()
        for step in 0..<length { members.insert((start + step) % 64) }
        for point in 0..<64 {
          let isWithin = SequenceNumber(UInt32(point) << 26)
            .isWithin(from: SequenceNumber(UInt32(start) << 26), length: UInt32(length) << 26)
          if isWithin != members.contains(point) { wrong += 1 }
        }
      }
    }
    #expect(wrong == 0)
  }

  @Test("T2 laws, sampled: moving forward and back, distance, earliest and latest")
  func laws() {
    var random = SeededGenerator(seed: 10)
    var wrong = 0
    for _ in 0..<50_000 {
      let edge: UInt32 = random.chance(1, in: 4) ? 0xffff_fff0 : random.next32()
      let a = SequenceNumber(edge)
      let step = random.next32() >> UInt32(random.next() % 31)
      let b = a.advanced(by: step)
      if b.retreated(by: step) != a || b.distance(from: a) != step { wrong += 1 }
      if step > 0, step < 1 << 31 {
        if !a.precedes(b) || !b.follows(a) || a.follows(b) { wrong += 1 }
        if SequenceNumber.earliest(a, b) != a || SequenceNumber.latest(a, b) != b { wrong += 1 }
        if SequenceNumber.earliest(b, a) != a || SequenceNumber.latest(b, a) != b { wrong += 1 }
      }
      if !a.isWithin(from: a, length: 1) || a.isWithin(from: a, length: 0) { wrong += 1 }
    }
    #expect(wrong == 0)
  }

  @Test("at exactly half a turn each of two points precedes the other: there is no order there")
  func halfATurn() {
    let a = SequenceNumber(5)
    let b = a.advanced(by: 1 << 31)
    #expect(a.precedes(b) && b.precedes(a))
    #expect(!a.follows(b) && !b.follows(a))
  }
}

@Suite struct WindowTests {
  @Test("MUST-1 the window field is unsigned, and the largest scaled window is 65,535 << 14")
  func unsigned() {
    #expect(UnscaledWindow(65_535).scaled(by: .none).octets == 65_535)
    #expect(UnscaledWindow(65_535).scaled(by: WindowScale(14)).octets == 65_535 << 14)
    #expect(WindowScale(255).shift == 14)
  }

  @Test("a field never promises more than the window holds, at every scale")
  func neverMore() {
    var random = SeededGenerator(seed: 11)
    for shift in UInt8(0)...14 {
      let scale = WindowScale(shift)
      for _ in 0..<500 {
        let window = WindowSize((random.next32() & 0x3fff_ffff) >> UInt32(random.next() % 30))
        let offered = window.unscaled(by: scale).scaled(by: scale).octets
        #expect(offered <= window.octets)
        if window.octets <= 65_535 << UInt32(shift) { #expect(window.octets - offered < 1 << UInt32(shift)) }
      }
    }
  }

  @Test("the fitting scale is the smallest that offers all of a buffer")
  func fitting() {
    #expect(WindowScale.fitting(65_535).shift == 0)
    #expect(WindowScale.fitting(65_536).shift == 1)
    #expect(WindowScale.fitting(6 << 20).shift == 7)
    #expect(WindowScale.fitting(.max).shift == 14)
  }
}
