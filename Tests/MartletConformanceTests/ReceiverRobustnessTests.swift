import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What a peer can do to a receiver: holes by the thousand, octets that disagree, windows to overflow.

@Suite("Robustness: misbehaving senders")
struct ReceiverRobustnessTests {
  private let bare: [ScriptOption] = [.mss(1_460), .sackPermitted]

  /// Every range that an acknowledgment has named and that is not acknowledged yet.
  private struct Named {
    var ranges: Set<Range<Int>> = []

    mutating func add(_ segments: [SeenSegment]) {
      for segment in segments { ranges.formUnion(segment.sack) }
    }
  }

  @Test(
    "E3 tinies out of order: 256 ranges, memory in proportion, and each named range is kept", .bothFamilies,
    arguments: [2, 3, 256, 4_096])
  func tinies(distance: Int) throws {
    let s = Scenario(.established(), offering: ScriptOption.everything()) { $0.tcp.receiveBuffer = 4 << 20 }
    // The window opens as far as it goes.
    s.inject(.data(seq: 1, ack: 1, 1_400))
    s.inject(.data(seq: 1_401, ack: 1, 1_400))
    s.receive()
    s.advance(by: .milliseconds(40))
    s.takeSegments()
    let window = Int(try #require(s.status?.rcvWnd))
    var named = Named()
    var injected = 0
    for place in stride(from: 2_901, to: 2_801 + min(window, 2_000 * distance), by: distance) {
      s.inject(.data(seq: place, ack: 1, 1))
      injected += 1
      named.add(s.takeSegments())
      let status = try #require(s.status)
      #expect(status.outOfOrderRanges <= 256)
      #expect(s.stack.held.chunks * 4_096 <= 4 * Int(status.outOfOrder) + (72 << 10))
    }
    #expect(injected > 500)
    let status = try #require(s.status)
    #expect(s.counters.tcp.tcpOFODrop == UInt64(injected) - UInt64(status.outOfOrder))
    // Nothing was named that is not held: the holes between the ranges are all that is needed.
    var next = 2_801
    for range in named.ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      while next < range.lowerBound {
        let count = min(range.lowerBound - next, 1_400)
        s.inject(.data(seq: next, ack: 1, .count(count)))
        next += count
      }
      next = range.upperBound
      s.receive()
    }
    let last = s.takeSegments().last
    #expect(last?.ack == next)
  }

  @Test(
    "E3 with as many ranges as may be a hole of several segments fills, from its beginning", .bothFamilies)
  func holeOfSeveral() {
    let s = Scenario(.established(), offering: bare) { $0.tcp.outOfOrderRanges = 4 }
    for i in 1...4 { s.inject(.data(seq: 1 + i * 5_000, ack: 1, 1_000)) }
    s.takeSegments()
    for hole in 0..<4 {
      let first = hole == 0 ? 1 : 1_001 + hole * 5_000
      for seq in stride(from: first, to: 5_001 + hole * 5_000, by: 1_000) {
        s.inject(.data(seq: seq, ack: 1, 1_000))
        let isLast = seq + 1_000 == 5_001 + hole * 5_000
        s.expect(.ack(ack: seq + (isLast ? 2_000 : 1_000)))
      }
    }
    #expect(s.receive().octets == scriptText(0..<21_000))
  }

  @Test(
    "E6 an octet at a time: the text is copied together, not kept in packets", .bothFamilies,
    arguments: [false, true])
  func octetAtATime(outOfOrder: Bool) {
    let s = Scenario(.established(), offering: bare)
    let first = outOfOrder ? 2 : 1
    for i in 0..<10_000 { s.inject(.data(seq: first + i, ack: 1, 1)) }
    #expect(s.stack.held.chunks <= 4)
    if outOfOrder { s.inject(.data(seq: 1, ack: 1, 1)) }
    #expect(s.receive().octets == scriptText(0..<10_000 + first - 1))
    #expect(s.stack.held.chunks == 0)
    s.takeSegments()
  }

  @Test(
    "R5 RFC 2883 §4 whatever overlaps, the first arrival of an octet counts, and each repetition is reported",
    .bothFamilies,
    arguments: 1...40 as ClosedRange<UInt64>)
  func overlaps(seed: UInt64) throws {
    var random = SplitMix(seed)
    let s = Scenario(.established(), offering: bare, peerISN: seed % 2 == 0 ? 0xffff_fe00 : 7)
    let size = 2_000
    /// What has come of each octet; the peer's text begins at 1.
    var model = [UInt8?](repeating: nil, count: size + 1)
    model[0] = 0
    var next = 1
    var number: UInt8 = 0
    while next <= size {
      number &+= 1
      // Mostly near what is missing, so that it ends.
      let start = min(max(1, next - 100 + random.below(400)), size)
      let end = min(start + 1 + random.below(150), size + 1)
      let before = (start..<end).filter { model[$0] != nil }
      var expected: Range<Int>?
      if let first = before.first {
        var last = first
        while last + 1 < end, model[last + 1] != nil { last += 1 }
        expected = first..<last + 1
      }
      for place in start..<end where model[place] == nil { model[place] = number }
      while next <= size, model[next] != nil { next += 1 }
      s.inject(.data(seq: start, ack: 1, .octets([UInt8](repeating: number, count: end - start))))
      guard let answer = s.takeSegments().last else {
        #expect(expected == nil, "seed \(seed)")
        continue
      }
      #expect(answer.ack == next, "seed \(seed)")
      if let expected {
        #expect(answer.sack.first == expected, "seed \(seed)")
      }
      // Each other block is all there, and no more of it is.
      for block in answer.sack.dropFirst(expected == nil ? 0 : 1) {
        #expect(block.allSatisfy { model[$0] != nil } && model[block.lowerBound - 1] == nil, "seed \(seed)")
        #expect(block.upperBound > size || model[block.upperBound] == nil, "seed \(seed)")
      }
    }
    #expect(s.receive().octets == model.dropFirst().compactMap(\.self), "seed \(seed)")
  }

  @Test(
    "R4 a receive window that wraps, at the largest scale: text to its edge and not beyond", .bothFamilies)
  func largestWindow() throws {
    let s = Scenario(.established(), offering: ScriptOption.everything(), peerISN: 0xffff_f000) {
      $0.tcp.receiveBuffer = 12 << 20
      $0.tcp.maximumReceiveBuffer = 1 << 30
    }
    s.inject(.data(seq: 1, ack: 1, 1_400))
    s.inject(.data(seq: 1_401, ack: 1, 1_400))
    let acks = s.takeSegments()
    let status = try #require(s.status)
    #expect(status.rcvWscale == 14)
    let edge = 2_801 + Int(status.rcvWnd)
    #expect(acks.last.map { $0.ack + $0.window << 14 <= edge } == true)
    s.inject(.data(seq: edge - 100, ack: 1, 200))
    #expect(s.takeSegments().last?.sack == [edge - 100..<edge])
    s.inject(.data(seq: edge, ack: 1, 100))
    #expect(s.takeSegments().last?.sack.contains { $0.upperBound > edge } == false)
    #expect(s.status?.outOfOrder == 100)
  }

  @Test("R4 the peer's window from 2^30 to nothing and back, across the wrap of ours", .bothFamilies)
  func sendWindowWraps() {
    let s = Scenario(.established(), offering: [.mss(1_460), .windowScale(14)], iss: 0xffff_f000)
    s.allowsShrinkingWindow = true
    s.allowsTextBeyondWindow = true
    s.send(30_000)
    #expect(s.takeSegments().count == 10)
    for window: UInt16 in [65_535, 0, 1, 65_535, 0] {
      s.inject(.ack(seq: 1, ack: 1_461, window: window))
      s.takeSegments()
      #expect(s.status?.sndWnd == UInt32(window) << 14)
      #expect(s.status.map { $0.sndUna.precedesOrEquals($0.sndNxt) } == true)
    }
    var acked = 14_601
    for _ in 0..<20 where acked < 30_001 {
      s.inject(.ack(seq: 1, ack: acked, window: 65_535))
      acked = s.takeSegments().map { $0.seq + $0.text.count }.max() ?? acked
    }
    s.inject(.ack(seq: 1, ack: 30_001, window: 65_535))
    #expect(s.status?.unacked == 0 && s.status?.notsentBytes == 0)
  }

  @Test(
    "SHLD-14 a buffer made smaller while a hole is open: what was promised comes in, what was named stays",
    .bothFamilies)
  func smallerBehindHole() {
    let s = Scenario(.established(), offering: bare) { $0.tcp.receiveBuffer = 20_000 }
    s.inject(.data(seq: 10_001, ack: 1, 1_000))
    s.expect(.ack(ack: 1, options: [.sack([10_001..<11_001])]))
    s.setOptions { $0.receiveBuffer = 2_048 }
    // Both within the promise, both far beyond the buffer.
    s.inject(.data(seq: 15_001, ack: 1, 1_000))
    s.expect(.ack(ack: 1, options: [.sack([15_001..<16_001, 10_001..<11_001])]))
    var seq = 1
    while seq < 15_001 {
      if seq == 10_001 { seq = 11_001 }
      let count = min(1_000, 15_001 - seq)
      s.inject(.data(seq: seq, ack: 1, .count(count)))
      seq += count
    }
    #expect(s.takeSegments().last?.ack == 16_001)
    #expect(s.receive().octets == scriptText(0..<16_000))
    // The edge has not moved back, and moves on only from the smaller buffer's.
    s.takeSegments()
    let wnd = s.status?.rcvWnd ?? 0
    #expect(wnd >= 20_480 - 16_000 - 480 && wnd <= 20_480 - 16_000 + 2_048)
  }

  @Test("MUST-66 E5 a window that is shut: text is answered at once, and nothing of it kept", .bothFamilies)
  func shutWindow() {
    let s = Scenario(.established(), offering: bare) { $0.tcp.receiveBuffer = 4_096 }
    for i in 0..<4 { s.inject(.data(seq: 1 + i * 1_024, ack: 1, 1_024)) }
    s.advance(by: .milliseconds(40))
    #expect(s.takeSegments().last.map { $0.ack == 4_097 && $0.window == 0 } == true)
    let held = s.stack.held
    for _ in 0..<3 {
      s.inject(.data(seq: 4_097, ack: 1, 1))
      s.expect(.ack(ack: 4_097, window: 0).lacking(.sack))
    }
    // What came before the window shut is a duplicate, told as such.
    s.inject(.data(seq: 3_073, ack: 1, 1_024))
    s.expect(.ack(ack: 4_097, window: 0, options: [.sack([3_073..<4_097])]))
    #expect(s.stack.held == held)
    #expect(s.counters.tcp.tcpFromZeroWindowAdv == 3)
    // Its acknowledgments count all the same.
    s.send(100)
    s.takeSegments()
    s.inject(.data(seq: 4_097, ack: 101, 1))
    #expect(s.status?.unacked == 0)
    s.takeSegments()
    #expect(s.receive().octets == scriptText(0..<4_096))
    s.expect(.ack(ack: 4_097, window: 4_096))
  }
}

/// A small generator of its own: the same on every platform.
private struct SplitMix {
  var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Int((z ^ (z >> 31)) % UInt64(bound))
  }
}
