import MartletTCP
import MartletWire

// The two small records: half-open and TIME-WAIT.

extension ConnectionDriver {
  mutating func arrivesHalfOpen(_ scripted: ScriptedSegment) throws(Finding) {
    guard var record = embryo else { return }
    let seg = scripted.seg
    let verdict = record.segmentArrives(
      seg, timestampOffset: setup.timestampOffset, receiveBuffer: tcb.rcv.buffer.octets, &around, now: now)
    embryo = record
    switch verdict {
    case .drop: break
    case .resendSynAck:
      try expect(seg.flags.contains(.syn) && !seg.flags.contains(.rst), "a SYN-ACK answers a SYN: \(seg)")
      let plan = record.synAck(
        mss: setup.mss, timestampOffset: setup.timestampOffset, receiveBuffer: tcb.rcv.buffer.octets, around,
        now: now)
      try expect(
        plan.seq == setup.iss && plan.flags.subtracting(.ece) == [.syn, .ack],
        "a SYN-ACK is what it is: \(plan)")
    case .answer(let plan):
      if seg.flags.contains(.rst) {
        try expect(!plan.flags.contains(.rst), "a reset is not answered with a reset: \(seg)")
        try expect(
          seg.seq.distance(from: numbers.rcvNxt) <= 65_535,
          "a reset outside the window is not answered: \(seg)")
      }
    case .remove:
      try expect(
        seg.flags.contains(.rst) && seg.seq == numbers.rcvNxt, "only a reset at RCV.NXT is believed: \(seg)")
      isFinished = true
    case .establish:
      try expect(
        seg.flags.contains(.ack) && seg.ack == setup.iss.advanced(by: 1)
          && seg.flags.isDisjoint(with: [.syn, .rst]), "the third segment acknowledges our SYN: \(seg)")
      tcb = TCB(
        accepting: record, seg, timestampOffset: setup.timestampOffset, mss: setup.mss,
        sendMSSLimit: setup.mss, options: setup.options, around.configuration, now: now)
      embryo = nil
      peerEdge = setup.iss.advanced(by: 1)
      try settle([])
      try arrives(scripted)
    }
  }

  mutating func fireHalfOpen() {
    guard var record = embryo else { return }
    var fired = 0
    while record.deadline.isDue(at: Tick(now)), fired < 300 {
      fired += 1
      let retries = around.configuration.synAckRetries
      if case .expired = record.timerFires(retries: retries, &around, now: now) {
        isFinished = true
        break
      }
    }
    embryo = record
  }

  mutating func arrivesTimeWait(_ seg: Segment) throws(Finding) {
    guard var record = timeWait else { return }
    let before = record.deadline
    let verdict = record.segmentArrives(
      seg, timestampOffset: setup.timestampOffset, &around, now: now)
    timeWait = record
    // A tick is right within 24.8 days: to a host that slept longer the deadline seems far ahead.
    let ahead = before.milliseconds(since: Tick(now))
    let most = setup.configuration.timeWait.timerMilliseconds
    try expect(ahead > most || !record.deadline.precedes(before), "2·MSL gets no shorter")
    switch verdict {
    case .drop: break
    case .acknowledge(let plan):
      try expect(!seg.flags.contains(.rst), "T1: a reset in TIME-WAIT is ignored")
      try expect(
        plan.flags == .ack && plan.seq == record.sndNxt && plan.ack == record.rcvNxt,
        "TIME-WAIT answers with its numbers: \(plan)")
    case .reopen(let iss):
      try expect(
        seg.flags.contains(.syn) && seg.flags.isDisjoint(with: [.ack, .rst]), "only a SYN reopens: \(seg)")
      try expect(iss.follows(record.sndNxt), "the new ISS lies beyond the old numbers")
      isFinished = true
    }
  }
}
