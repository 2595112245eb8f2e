import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// RFC 9293 §3.8.6.2.1: a sender that is offered little.
@Suite struct SillyWindowTests {
  @Test(
    "MUST-38 SHLD-30 a small opening is not used at once, but after the override time it is", .bothFamilies)
  func smallOpening() {
    let s = Scenario(.established(), window: 10_000)
    s.inject(.ack(seq: 1, ack: 1, window: 0))
    s.send(5_000)
    s.inject(.ack(seq: 1, ack: 1, window: 100))
    s.expectNothing()
    s.expectNext(in: .milliseconds(100)...(.seconds(1)), .data(seq: 1, 100))
    s.inject(.ack(seq: 1, ack: 101, window: 100))
    s.expectNothing()
    s.expectNext(in: .milliseconds(100)...(.seconds(1)), .data(seq: 101, 100))
  }

  @Test(
    "MUST-38 an opening of a full segment, or of half the largest window, is used at once", .bothFamilies,
    arguments: [1_460, 5_000])
  func sufficientOpening(_ largest: UInt16) {
    let s = Scenario(.established(), window: largest == 5_000 ? 2_000 : 10_000)
    s.inject(.ack(seq: 1, ack: 1, window: 0))
    s.send(5_000)
    if largest == 5_000 {
      s.inject(.ack(seq: 1, ack: 1, window: 999))
      s.expectNothing()
      s.inject(.ack(seq: 1, ack: 1, window: 1_000))
      s.expect(.data(seq: 1, 1_000))
    } else {
      s.inject(.ack(seq: 1, ack: 1, window: 1_459))
      s.expectNothing()
      s.inject(.ack(seq: 1, ack: 1, window: 1_460))
      s.expect(.data(seq: 1, 1_460))
    }
    s.expectNothing()
  }

  @Test("MUST-38 all that is queued goes at once, however little, when nothing is in flight", .bothFamilies)
  func everythingQueued() {
    let s = Scenario(.established(), window: 10_000)
    s.inject(.ack(seq: 1, ack: 1, window: 100))
    s.send(100)
    s.expect(.data(seq: 1, 100))
  }
}
