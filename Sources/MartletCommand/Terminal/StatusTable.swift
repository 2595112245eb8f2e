import Martlet
import MartletStack
import MartletTCP
import MartletTrace

/// Every connection of a stack with its state, as `ss` would print it, or as JSON lines.
struct StatusTable {
  private var listeners: [ListenerFigures] = []
  private var flows: [FlowReport] = []
  /// By their flow's place: what is known of those that are connections.
  private var connections: [Int: ConnectionReport] = [:]
  private let held: StackUsage
  private let counters: StackCounters
  private let memory: MemoryBudget
  private let closeWait: Int
  private let time: Instant

  init(_ stack: borrowing NetworkStack, _ now: Instant) {
    var flows: [FlowReport] = []
    stack.forEachFlow(now: now) { flows.append($0) }
    listeners = ListenerFigures.all(of: stack, now)
    self.flows = flows
    for (i, flow) in flows.enumerated() {
      connections[i] = stack.status(at: flow.place, now: now)
    }
    held = stack.held
    counters = stack.counters
    memory = stack.memory
    closeWait = stack.count(of: .closeWait)
    time = now
  }

  /// For people: states in the spelling of `netstat`, so that `grep SYN_RECV` works.
  var text: String {
    var text = Self.row("State", "Recv-Q", "Send-Q", "Local address:port", "Peer address:port")
    for listener in listeners {
      text += Self.row(
        "LISTEN", String(listener.status.acceptable), String(listener.status.options.acceptLimit),
        listener.status.local.text, "*:*")
    }
    for flow in flows {
      text += Self.row(
        flow.state.text(.netstat), String(flow.receiveQueue), String(flow.sendQueue), flow.local.text,
        flow.remote.text)
    }
    return text + "\n" + summary
  }

  /// How many are in each state, and what was counted of SYNs, by Linux's names.
  private var summary: String {
    let states = counts.map { "\($0.count) \($0.state.text(.netstat))" }
    let syns = synCounters.filter { $0.value > 0 }.map { "\($0.name) \($0.value)" }
    return [states, syns].filter { !$0.isEmpty }.map { $0.joined(separator: ", ") + "\n" }.joined()
  }

  /// The states that there are.
  private var counts: [(state: TCPState, count: Int)] {
    TCPState.allCases.compactMap { state in
      let count = state == .listen ? listeners.count : flows.count { $0.state == state }
      return count == 0 ? nil : (state, count)
    }
  }

  private var synCounters: [(name: String, value: UInt64)] {
    [
      ("SyncookiesSent", counters.syncookiesSent), ("SyncookiesRecv", counters.syncookiesRecv),
      ("SyncookiesFailed", counters.syncookiesFailed),
      ("TCPReqQFullDoCookies", counters.tcpReqQFullDoCookies),
      ("TCPReqQFullDrop", counters.tcpReqQFullDrop), ("ListenOverflows", counters.listenOverflows),
      ("ListenDrops", counters.listenDrops),
    ]
  }

  private static func row(_ cells: String...) -> String {
    var row = ""
    for (cell, width) in zip(cells, [13, 8, 8, 28, 0]) {
      row += cell + String(repeating: " ", count: max(width - cell.count, cell.count < width ? 0 : 1))
    }
    while row.last == " " { row.removeLast() }
    return row + "\n"
  }

  /// For programs: one object for the stack, one for each listener and each flow.
  var json: String {
    var lines = [stackObject.text]
    for listener in listeners {
      var object = JSONObject()
      object.addListener(listener, time)
      lines.append(object.text)
    }
    for (i, flow) in flows.enumerated() {
      var object = JSONObject()
      object.addFlow(flow, connections[i])
      lines.append(object.text)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private var stackObject: JSONObject {
    var object = JSONObject()
    object.add("type", "stack")
    object.add("time_ns", time.nanoseconds)
    object.add("listeners", UInt64(clamping: held.listeners))
    object.add("half_open", UInt64(clamping: held.halfOpen))
    object.add("connections", UInt64(clamping: held.connections))
    object.add("time_wait", UInt64(clamping: held.timeWait))
    object.add("close_wait", UInt64(clamping: closeWait))
    object.add("chunks", UInt64(clamping: held.chunks))
    object.add("memory", UInt64(clamping: memory.held))
    object.add("memory_high_water", UInt64(clamping: memory.highWater))
    object.add("memory_limit", UInt64(clamping: memory.limit))
    object.add("memory_pressure", "\(memory.pressure)")
    object.add("memory_refusals", memory.refusals)
    object.add("connections_refused", counters.connectionsRefused)
    object.add("connections_evicted", counters.tcpAbortOnMemory)
    object.add("connections_idle_ended", counters.idleConnectionsEnded)
    object.add("connections_slow_ended", counters.slowConnectionsEnded)
    object.add("in_packets", counters.inPackets)
    object.add("out_packets", counters.outPackets)
    object.add("drops", counters.drops)
    var states = JSONObject()
    for (state, count) in counts { states.add(state.text(.rfc), UInt64(clamping: count)) }
    object.add("states", states)
    for (name, value) in synCounters { object.add(name, value) }
    return object
  }

  /// Changes with every change of a state, not with every octet.
  static func fingerprint(_ stack: borrowing NetworkStack, _ now: Instant) -> Int {
    var hasher = Hasher()
    stack.forEachFlow(now: now) { flow in
      hasher.combine(flow.local)
      hasher.combine(flow.remote)
      hasher.combine(flow.state.rawValue)
    }
    return hasher.finalize()
  }
}
