// The reader of captures is no part of the core: where the drivers are compiled without a system, it is left out.
#if !hasFeature(Embedded)
  import MartletTCP
  import MartletTrace
  import MartletWire

  /// Does with a capture what `martlet ladder` does with one: reads it, whole and by parts, sorts its segments into flows, says
  /// what is odd about them, infers states, and draws the first flow.
  ///
  /// The first octet's lowest bit tells what the others are: the file itself, or a script of which `ScriptedCapture` makes one
  /// that is right but for a few octets. Its other bits say how much room there is for flows, and how wide a ladder may be.
  public func driveCapture(_ input: [UInt8]) throws(Finding) {
    guard let first = input.first else { return }
    var file = Array(input.dropFirst())
    if first & 1 != 0 {
      var scripted = ScriptedCapture(ByteScript(file))
      file = scripted.write()
    }
    var driver = CaptureDriver(file, flowLimit: 1 + Int(first >> 1 & 7), columns: 20 + Int(first >> 4) * 9)
    try driver.readWhole()
    try driver.readByParts(of: 1 + Int(first >> 1) * 5)
    try driver.draw()
  }

  struct CaptureDriver {
    private let file: [UInt8]
    private let flowLimit: Int
    private let columns: Int
    private var flows: FlowTable
    /// Of the first flow.
    private var ladder: Ladder?
    private var packets: [CapturedPacket] = []
    /// How the file ends; nil: as it should.
    private var problem: CaptureError?

    /// Segments that are drawn.
    private static let mostSegments = 300

    init(_ file: [UInt8], flowLimit: Int, columns: Int) {
      self.file = file
      self.flowLimit = flowLimit
      self.columns = columns
      flows = FlowTable(limit: flowLimit)
    }

    // MARK: Reading

    mutating func readWhole() throws(Finding) {
      var reader: CaptureReader
      do throws(CaptureError) {
        reader = try CaptureReader(file.span.bytes)
      } catch {
        problem = error
        return
      }
      while let packet = next(&reader) {
        packets.append(packet)
        try expect(packets.count <= file.count / 12, "no packet takes less than twelve octets")
        try expect(
          packet.octets.upperBound <= file.count && packet.comment?.upperBound ?? 0 <= file.count
            && reader.interfaces.indices.contains(packet.interface),
          "what is told to be in the file is in it: \(packet)")
        try take(packet, reader.interfaces[packet.interface])
      }
      let made = UInt64(flows.flows.count) + flows.stragglers.reduce(0) { $0 + $1.flows }
      try expect(
        made <= UInt64(flows.count) && UInt64(flows.count) <= made + flows.ignored,
        "each flow is held, counted or ignored: \(flows.count), \(made), \(flows.ignored)")
    }

    private mutating func next(_ reader: inout CaptureReader) -> CapturedPacket? {
      do throws(CaptureError) {
        return try reader.next(in: file.span.bytes)
      } catch {
        problem = error
        return nil
      }
    }

    /// As `CaptureInput` reads what is longer than memory, or still to come.
    func readByParts(of part: Int) throws(Finding) {
      var reader: CaptureReader?
      var window: [UInt8] = []
      var handedIn = 0
      var number = 0
      while true {
        let (packet, failure) = Self.next(&reader, window)
        if let packet {
          try expect(number < packets.count, "there are more packets by parts than in the whole")
          try expect(
            window[packet.octets] == file[packets[number].octets] && packet.time == packets[number].time,
            "by parts, packet \(number) is another")
          number += 1
          continue
        }
        let isForGood = if case .malformed? = failure { true } else { false }
        guard !isForGood, handedIn < file.count else {
          try expect(failure == problem && number == packets.count, "by parts it ends otherwise")
          return
        }
        window.removeFirst(reader?.letGo() ?? 0)
        window += file[handedIn..<min(handedIn + part, file.count)]
        handedIn += part
      }
    }

    private static func next(
      _ reader: inout CaptureReader?, _ window: [UInt8]
    ) -> (packet: CapturedPacket?, failure: CaptureError?) {
      do throws(CaptureError) {
        if reader == nil { reader = try CaptureReader(window.span.bytes) }
        return (try reader?.next(in: window.span.bytes), nil)
      } catch {
        return (nil, error)
      }
    }

    // MARK: Flows

    private func segment(_ packet: CapturedPacket, _ interface: CapturedInterface) throws(Finding)
      -> TracedSegment?
    {
      let octets = file.span.bytes.extracting(packet.octets)
      guard let start = interface.startOfIP(in: octets) else { return nil }
      try expect(interface.isOfKnownKind && start < octets.byteCount, "IP begins where there is something")
      return try? TracedSegment(
        captured: octets.extracting(start...), originalCount: max(0, packet.originalCount - start))
    }

    private mutating func take(_ packet: CapturedPacket, _ interface: CapturedInterface) throws(Finding) {
      guard let segment = try segment(packet, interface) else { return }
      let time = Instant(nanoseconds: packet.time == 0 ? UInt64(packets.count) &* 1_000 : packet.time)
      let taken = flows.take(segment, at: time)
      try expect(flows.flows.count <= flowLimit, "the table keeps to its limit: \(flows.flows.count)")
      guard let taken else { return }
      try judge(taken.findings, segment)
      if ladder == nil { ladder = Ladder(flowOf: segment) }
      guard taken.flow == 1, (ladder?.observations.count ?? 0) < Self.mostSegments else { return }
      var seen = Observation(segment, from: taken.side, at: time)
      seen.findings = taken.findings
      ladder?.add(seen)
    }

    /// What excludes what, as `SegmentFindings` promises.
    private func judge(_ findings: SegmentFindings, _ segment: TracedSegment) throws(Finding) {
      let repetition: SegmentFindings = [
        .retransmission, .fastRetransmission, .spuriousRetransmission, .outOfOrder, .keepAlive, .windowProbe,
        .gap,
      ]
      let acknowledgment: SegmentFindings = [.duplicateAcknowledgment, .keepAliveAnswer, .windowUpdate]
      for exclusive in [repetition, acknowledgment] {
        try expect(
          findings.intersection(exclusive).rawValue.nonzeroBitCount <= 1,
          "one excludes the other: \(findings.names)")
      }
      try expect(
        segment.textCount == 0 || findings.isDisjoint(with: acknowledgment),
        "text says something: \(findings.names)")
      try expect(findings.names.count == findings.rawValue.nonzeroBitCount, "each finding has a name")
    }

    // MARK: Drawing

    mutating func draw() throws(Finding) {
      for flow in flows.flows {
        try expect(
          flow.first <= flow.last && !flow.fate.text(.simplifiedChinese).isEmpty,
          "a flow begins before it ends")
      }
      guard let ladder else { return }
      try compareStates(ladder)
      for language in Language.allCases {
        let style = LadderStyle(
          columns: columns, language: language, ascii: columns & 1 == 0, foldAfter: columns % 7)
        for line in ladder.text(style).split(separator: "\n") {
          try expect(
            String(line).columns <= max(columns, 48),
            "a line of \(columns) columns has \(String(line).columns): \(line)")
        }
        let svg = ladder.svg(style, title: "a & <b>")
        try expect(svg.hasPrefix("<svg") && svg.hasSuffix("</svg>\n"), "a picture begins and ends")
        try expect(!ladder.html(style).isEmpty && !ladder.mermaid(style).isEmpty, "there are other forms")
      }
      try expect(ladder.observations.allSatisfy { !$0.json.contains("\n") }, "an object stands on one line")
    }

    /// Changes and states are told of alike.
    private func compareStates(_ ladder: Ladder) throws(Finding) {
      let changes = ladder.inferredChanges
      let inferred = ladder.inferred
      var now = (left: inferred.initialLeft, right: inferred.initialRight)
      for change in changes {
        try expect(
          (change.side == .left ? now.left : now.right) == change.old && change.old != change.new,
          "each change begins where the one before ended")
        if change.side == .left { now.left = change.new } else { now.right = change.new }
      }
      try expect(now == (inferred.left, inferred.right), "the last change is the last state")
    }
  }
#endif
