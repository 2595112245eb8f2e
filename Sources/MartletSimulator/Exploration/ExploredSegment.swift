import MartletTCP
import MartletWire

/// A segment on the explored link, with its text.
struct ExploredSegment {
  var header: Segment
  var text: [UInt8]
  /// Its checksum will fail.
  var isDamaged = false

  init(_ plan: SegmentPlan, text: [UInt8] = []) {
    header = Segment(
      seq: plan.seq, ack: plan.ack, flags: plan.flags, wnd: plan.window, up: plan.urgentPointer,
      textCount: plan.textCount, options: plan.options)
    self.text = text
  }

  /// - Parameter origins: those of its sender.
  func fingerprint(_ origins: Origins) -> UInt64 {
    var print = Fingerprint()
    // The reset of CLOSED to a segment without ACK has sequence number zero, whatever the stream's are.
    let isBareReset = header.flags.contains(.rst) && header.seq == SequenceNumber(0)
    print.add(isBareReset ? UInt32.max : origins.sent(header.seq))
    print.add(header.flags.rawValue)
    print.add(header.flags.contains(.ack) ? origins.received(header.ack) : 0)
    print.add(header.wnd.field)
    print.add(header.textCount)
    for octet in text { print.add(origins.ownOctet(octet)) }
    print.add(isDamaged)
    let options = header.options
    print.add(options.present.rawValue)
    if options.present.contains(.timestamps) {
      print.add(origins.ownStamps[options.tsval])
      print.add(options.tsecr == 0 ? UInt32.max : origins.otherStamps[options.tsecr])
    }
    if options.present.contains(.sack) {
      for i in 0..<Int(options.sackCount) {
        print.add(origins.received(options.sack[i].start))
        print.add(origins.received(options.sack[i].end))
      }
    }
    return print.value
  }
}

/// One direction of the link. The first `capacity` segments are on their way, and any of them may arrive next;
/// those behind wait at their sender in order, as in a device's queue.
struct ExploredWay {
  var segments: [ExploredSegment] = []

  var isEmpty: Bool { segments.isEmpty }

  /// The order of what is on its way is no part of the state.
  func fingerprint(_ origins: Origins, capacity: Int) -> UInt64 {
    var print = Fingerprint()
    var sum: UInt64 = 0
    for i in segments.indices {
      let one = segments[i].fingerprint(origins)
      if i < capacity { sum = sum &+ one } else { print.add(one) }
    }
    print.add(sum)
    print.add(segments.count)
    return print.value
  }
}
