import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One client of a control socket, from its first request to its last, on a thread of its own.
struct ControlConversation {
  private let channel: ClientChannel
  private let configuration: ControlSocketConfiguration
  private let loops: [LoopControl]

  /// A client that asks nothing for so long leaves its place to others.
  private static let idleLimit = TimeAmount.seconds(600)
  /// Flows that a loop looks at for one part of an answer, and those that it tells of: some hundred microseconds.
  private static let flowsLooked = 2_048
  private static let flowsTold = 128
  private static let followInterval = TimeAmount.milliseconds(50)

  init(_ channel: ClientChannel, _ loops: [LoopControl], _ configuration: ControlSocketConfiguration) {
    self.channel = channel
    self.loops = loops
    self.configuration = configuration
  }

  func run() {
    var reader = ClientChannel.LineReader()
    do {
      while let line = try channel.readLine(&reader, within: Self.idleLimit) {
        guard try answer(line, &reader) else { return }
      }
    } catch ClientChannel.LineError.tooLong {
      try? channel.send(
        ControlLine.error(
          "A request has \(configuration.requestLimit) octets at most. Write a shorter one."))
    } catch {
      // Whoever is gone hears nothing.
    }
  }

  /// False: the conversation is over.
  private func answer(_ line: String, _ reader: inout ClientChannel.LineReader) throws -> Bool {
    do throws(ControlError) {
      let request = try ControlRequest(parsing: line)
      let wakeup = try wakeup()
      let channel = channel
      let visitor = LoopVisitor(loops, waking: wakeup) { channel.isCutOff }
      if case .capture(let terms) = request {
        try capture(terms, visitor, wakeup, &reader)
        return false
      }
      try answer(request, visitor, &reader)
      try channel.send(ControlLine.end)
      return true
    } catch {
      if error == .gone { throw error }
      try channel.send(ControlLine.error(error.sentence))
      return error != .stopped
    }
  }

  private func wakeup() throws(ControlError) -> Wakeup {
    do throws(LinkError) { return try Wakeup() } catch { throw .refused(error.message) }
  }

  private func answer(
    _ request: ControlRequest, _ visitor: LoopVisitor, _ reader: inout ClientChannel.LineReader
  ) throws(ControlError) {
    switch request {
    case .help: try tellHelp()
    case .version: try tellVersion(visitor)
    case .connections(let filter): try tellConnections(filter, visitor)
    case .listeners(let filter): try tellListeners(filter, visitor)
    case .datagrams(let filter): try tellDatagrams(filter, visitor)
    case .counters: try tellCounters(visitor)
    case .memory: try tellMemory(visitor)
    case .limits: try tellLimits(visitor)
    case .records(let since, let follows, let language):
      try tellRecords(since, follows, language, visitor, &reader)
    case .reset(let filter): try reset(filter, visitor)
    case .set(let limit, let value): try set(limit, to: value, visitor)
    case .setListener(let place, let change): try setListener(place, change, visitor)
    case .trace(let filter, let language): try trace(filter, language, visitor, &reader)
    case .capture: break
    }
  }

  private func send(_ object: JSONObject) throws(ControlError) { try channel.send(object.text + "\n") }

  // MARK: About the program

  private func tellHelp() throws(ControlError) {
    for line in ControlRequest.manual {
      var object = JSONObject()
      object.add("type", "request")
      object.add("usage", line)
      try send(object)
    }
  }

  private func tellVersion(_ visitor: LoopVisitor) throws(ControlError) {
    let links = try visitor.askAll { _, view, _ in view.links.map(\.name) }
    var object = JSONObject()
    object.add("type", "version")
    object.add("protocol", UInt64(1))
    object.add("pid", UInt64(clamping: getpid()))
    object.add("uid", UInt64(getuid()))
    object.add("program", programName)
    object.add("stacks", UInt64(clamping: visitor.count))
    object.add("links", links.first ?? [])
    try send(object)
  }

  /// As other tools show it.
  private var programName: String {
    let path = CommandLine.arguments.first ?? "martlet"
    return path.split(separator: "/").last.map(String.init) ?? path
  }

  // MARK: Tables

  private func tellConnections(_ filter: FlowFilter, _ visitor: LoopVisitor) throws(ControlError) {
    for loop in 0..<visitor.count {
      var place: FlowPlace? = .first
      while let from = place {
        let page = try visitor.ask(loop) { stack, _, now in FlowPage(of: stack, from: from, filter, now) }
        var text = ""
        for row in page.rows {
          var object = JSONObject()
          object.addFlow(row.flow, row.connection)
          if visitor.count > 1 { object.add("shard", UInt64(clamping: loop)) }
          text += object.text + "\n"
        }
        if !text.isEmpty { try channel.send(text) }
        place = page.next
      }
    }
  }

  /// A part of the table, copied out of the stack; text is made of it elsewhere.
  private struct FlowPage: Sendable {
    var rows: [(flow: FlowReport, connection: ConnectionReport?)] = []
    var next: FlowPlace?

    init(of stack: borrowing NetworkStack, from: FlowPlace, _ filter: FlowFilter, _ now: Instant) {
      var place: FlowPlace? = from
      var looked = 0
      while let start = place, looked < flowsLooked, rows.count < flowsTold {
        // A few at a time: the walk goes on where the page is full.
        place = stack.forSomeFlows(from: start, atMost: flowsTold / 2, now: now) { flow in
          guard filter.passes(FilterSubject(flow)) else { return }
          rows.append((flow, stack.status(at: flow.place, now: now)))
        }
        looked += flowsTold / 2
      }
      next = place
    }
  }

  private func tellListeners(_ filter: FlowFilter, _ visitor: LoopVisitor) throws(ControlError) {
    let all = try visitor.askAll { stack, _, now in ListenerFigures.all(of: stack, now) }
    let now = SystemClock.now
    for listener in ListenerFigures.joined(all.flatMap { $0 }) {
      let local = listener.status.local
      guard filter.passes(FilterSubject(state: .listen, source: local.address, local.port)) else { continue }
      var object = JSONObject()
      object.addListener(listener, now)
      try send(object)
    }
  }

  private func tellDatagrams(_ filter: FlowFilter, _ visitor: LoopVisitor) throws(ControlError) {
    let all = try visitor.askAll { stack, _, _ in
      var sockets: [DatagramSocketReport] = []
      stack.forEachDatagramSocket { sockets.append($0) }
      return sockets
    }
    var seen: [LocalEndpoint: Bool] = [:]
    for socket in all.flatMap({ $0 }) {
      let state = socket.peer == nil ? TCPState.closed : .established
      let subject = FilterSubject(
        socket.isEcho ? .icmp : .udp, state: state, source: socket.local.address, socket.local.port,
        destination: socket.peer?.address, socket.peer?.port ?? 0)
      guard filter.passes(subject) else { continue }
      // Each stack of several has the same sockets; one line is enough where nothing waits in the others.
      if socket.peer == nil, seen[socket.local] != nil, socket.receiveQueue == 0, socket.drops == 0 {
        continue
      }
      seen[socket.local] = true
      var object = JSONObject()
      object.addDatagramSocket(socket)
      try send(object)
    }
  }

  private func tellCounters(_ visitor: LoopVisitor) throws(ControlError) {
    let all = try visitor.askAll { stack, _, _ in stack.counters.named }
    var object = JSONObject()
    object.add("type", "counters")
    for counter in all.reduce([], [NamedCounter].summed) { object.add(counter.name, counter.value) }
    try send(object)
  }

  private func tellMemory(_ visitor: LoopVisitor) throws(ControlError) {
    for loop in 0..<visitor.count {
      let (use, budget) = try visitor.ask(loop) { stack, _, _ in (stack.memoryUse(), stack.memory) }
      var object = JSONObject()
      object.add("type", "memory")
      if visitor.count > 1 { object.add("shard", UInt64(clamping: loop)) }
      object.addMemory(use, budget)
      try send(object)
    }
  }

  private func tellLimits(_ visitor: LoopVisitor) throws(ControlError) {
    let all = try visitor.askAll { stack, _, _ in
      var values: [UInt64] = []
      for limit in StackLimit.allCases { values.append(stack.limit(limit)) }
      return values
    }
    for (i, limit) in StackLimit.allCases.enumerated() {
      var sum: UInt64 = 0
      for values in all { sum = sum.addingReportingOverflow(values[i]).overflow ? .max : sum + values[i] }
      var object = JSONObject()
      object.add("type", "limit")
      object.add("name", limit.name)
      object.add("value", sum)
      try send(object)
    }
  }

  // MARK: Records

  private func tellRecords(
    _ since: UInt64?, _ follows: Bool, _ language: Language, _ visitor: LoopVisitor,
    _ reader: inout ClientChannel.LineReader
  ) throws(ControlError) {
    let first = since ?? (follows ? nil : 0)
    var readers = [RecordReader](repeating: RecordReader(from: first), count: visitor.count)
    while true {
      var hasMore = false
      for loop in 0..<visitor.count {
        let from = readers[loop].next
        let page = try visitor.ask(loop) { stack, _, _ in RecordPage(of: stack, from: from) }
        if page.isOff {
          throw .refused("The flight recorder is off. Switch it on with \"set recorder 65536\".")
        }
        let text = readers[loop].lines(of: page, language, shard: visitor.count > 1 ? loop : nil)
        if !text.isEmpty { try channel.send(text) }
        hasMore = hasMore || page.isFull
      }
      if hasMore { continue }
      guard follows else { return }
      wait(for: channel.descriptor, orUntil: Self.followInterval)
      // Whoever says anything has seen enough.
      guard channel.look(&reader) == .nothing else { return }
    }
  }

  private func requireRecorder(_ visitor: LoopVisitor) throws(ControlError) {
    let isOff = try visitor.askAll { stack, _, _ in stack.limit(.recorder) == 0 }
    if isOff.contains(true) {
      throw .refused("The flight recorder is off. Switch it on with \"set recorder 65536\".")
    }
  }

  // MARK: A trace

  private func trace(
    _ filter: FlowFilter, _ language: Language, _ visitor: LoopVisitor,
    _ reader: inout ClientChannel.LineReader
  ) throws(ControlError) {
    try requireRecorder(visitor)
    let links = try visitor.askAll { _, view, _ in view.links }
    let wakeup = try wakeup()
    let trace = LiveTrace(filter, of: links, room: configuration.traceBuffer, waking: wakeup)
    for loop in 0..<visitor.count {
      try visitor.ask(loop) { stack, view, _ in view.captures.attach(trace, as: loop, stack) }
    }
    defer {
      trace.end()
      visitor.tellAll { _, view, _ in view.captures.detach(trace) }
    }
    var head = JSONObject()
    head.add("type", "trace")
    head.add("version", 1 as UInt64)
    head.add("epoch_ns", CaptureFile.systemEpoch)
    head.add("links", links.flatMap { $0.map(\.name) })
    try send(head)
    while true {
      wakeup.clear()
      var events = trace.take()[...]
      while !events.isEmpty {
        try channel.send(events.prefix(256).map { $0.json(language) + "\n" }.joined())
        events = events.dropFirst(256)
      }
      guard !channel.isCutOff, channel.look(&reader) == .nothing else { return }
      wait(for: channel.descriptor, or: wakeup.descriptor, until: .hours(1))
    }
  }

  // MARK: Changes

  private func reset(_ filter: FlowFilter, _ visitor: LoopVisitor) throws(ControlError) {
    for loop in 0..<visitor.count {
      var place: FlowPlace? = .first
      while let from = place {
        let (ended, next) = try visitor.ask(loop) { stack, _, now in
          var found: [FlowReport] = []
          let next = stack.forSomeFlows(from: from, atMost: 256, now: now) {
            if filter.passes(FilterSubject($0)) { found.append($0) }
          }
          var ended: [FlowReport] = []
          for flow in found where stack.end(at: flow.place, now: now) { ended.append(flow) }
          return (ended, next)
        }
        for flow in ended {
          var object = JSONObject()
          object.addFlow(flow, nil)
          try send(object)
        }
        place = next
      }
    }
  }

  private func set(_ limit: StackLimit, to value: UInt64, _ visitor: LoopVisitor) throws(ControlError) {
    let share = limit.share(of: value, among: visitor.count)
    let results = try visitor.askAll { stack, _, _ in
      Result { () throws(LimitError) in try stack.setLimit(limit, to: share) }
    }
    var sum: UInt64 = 0
    for result in results {
      switch result {
      case .success(let now): sum &+= now
      case .failure(.outOfRange): throw .refused("\(limit.name) cannot be \(value). Choose another number.")
      case .failure(.belowHeld):
        throw .refused("More than \(value) octets are held. Reset connections first, or choose more.")
      case .failure(.budget):
        throw .refused("The memory budget has no room for it. Raise memory-budget first.")
      }
    }
    var object = JSONObject()
    object.add("type", "limit")
    object.add("name", limit.name)
    object.add("value", sum)
    try send(object)
  }

  private func setListener(
    _ place: FlowFilter, _ change: ControlRequest.ListenerChange, _ visitor: LoopVisitor
  ) throws(ControlError) {
    let count = UInt32(clamping: visitor.count)
    func share(_ value: UInt32) -> UInt32 { value / count + (value % count == 0 ? 0 : 1) }
    let part: ControlRequest.ListenerChange =
      switch change {
      case .halfOpen(let value): .halfOpen(share(value))
      case .accept(let value): .accept(share(value))
      case .connections(let value): .connections(share(value))
      case .synCookies: change
      }
    let changed = try visitor.askAll { stack, _, _ in
      var found: [ListenerID] = []
      stack.forEachListener { id, status in
        let local = status.local
        let subject = FilterSubject(state: .listen, source: local.address, local.port)
        if place.passes(subject) { found.append(id) }
      }
      for id in found { try? stack.setLimits(of: id, part) }
      return found.count
    }
    guard changed.contains(where: { $0 > 0 }) else {
      throw .refused("Nobody listens there. \"listeners\" tells who listens where.")
    }
    try tellListeners(place, visitor)
  }

  // MARK: Packets

  /// From here on the answer is a pcapng file, until the client ends its half, or so many packets have passed.
  private func capture(
    _ terms: LiveCapture.Terms, _ visitor: LoopVisitor, _ wakeup: Wakeup,
    _ reader: inout ClientChannel.LineReader
  ) throws(ControlError) {
    let links = try visitor.askAll { _, view, _ in view.links }
    if terms.explains { try requireRecorder(visitor) }
    let capture = LiveCapture(terms, of: links, room: configuration.captureBuffer, waking: wakeup)
    for loop in 0..<visitor.count {
      try visitor.ask(loop) { stack, view, _ in view.captures.attach(capture, as: loop, stack) }
    }
    defer { visitor.tellAll { _, view, _ in view.captures.detach(capture) } }
    while true {
      wakeup.clear()
      let (octets, isOver) = capture.take()
      try channel.send(octets)
      guard !isOver, !channel.isCutOff, channel.look(&reader) == .nothing else { break }
      wait(for: channel.descriptor, or: wakeup.descriptor, until: .hours(1))
    }
    try channel.send(capture.end(at: SystemClock.now))
  }
}

extension NetworkStack {
  fileprivate mutating func setLimits(
    of id: ListenerID, _ change: ControlRequest.ListenerChange
  ) throws(HandleError) {
    switch change {
    case .halfOpen(let value): try setLimits(of: id, halfOpen: value)
    case .accept(let value): try setLimits(of: id, acceptable: value)
    case .connections(let value): try setLimits(of: id, connections: value)
    case .synCookies(let policy): try setLimits(of: id, synCookies: policy)
    }
  }
}
