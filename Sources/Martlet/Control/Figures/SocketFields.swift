import MartletStack
import MartletTCP
import MartletTrace

extension JSONObject {
  /// One flow of the table, and all that is known of it where it is a connection.
  package mutating func addFlow(_ flow: FlowReport, _ connection: ConnectionReport?) {
    add("type", "connection")
    add("state", flow.state.text(.rfc))
    add("local", flow.local.text)
    add("remote", flow.remote.text)
    add("receive_queue", UInt64(flow.receiveQueue))
    add("send_queue", UInt64(flow.sendQueue))
    add("tries", UInt64(flow.tries))
    add("timer_ms", UInt64(connection.map(\.tcp.timerIn) ?? flow.timerIn))
    add("memory", UInt64(clamping: flow.memory))
    add("has_handle", flow.connection != nil)
    add("flow", UInt64(flow.place.recordFlow))
    guard let connection else { return }
    add("interface", UInt64(connection.interface.rawValue))
    add("is_waiting_for_accept", connection.isInBacklog)
    add("receive_memory", UInt64(clamping: connection.memory.receiveQueue))
    add("send_memory", UInt64(clamping: connection.memory.sendQueue))
    addTransfer(connection.tcp)
  }

  package mutating func addListener(_ listener: ListenerFigures, _ now: Instant) {
    let status = listener.status
    add("type", "listener")
    add("local", status.local.text)
    add("half_open", UInt64(status.halfOpen))
    add("half_open_limit", UInt64(status.options.halfOpenLimit))
    add("half_open_high_water", UInt64(status.halfOpenHighWater))
    add("half_open_overflows", status.halfOpenOverflows)
    add("acceptable", UInt64(status.acceptable))
    add("accept_limit", UInt64(status.options.acceptLimit))
    add("acceptable_high_water", UInt64(status.acceptableHighWater))
    add("accept_overflows", status.acceptOverflows)
    add("accepted", status.accepted)
    add("connections", UInt64(status.connections))
    add("connection_limit", UInt64(status.options.connectionLimit))
    add("limit_overflows", status.limitOverflows)
    add("syn_cookies", "\(status.options.synCookies)")
    if let flood = listener.flood {
      var object = JSONObject()
      object.addFlood(flood, now)
      add("flood", object)
    }
  }

  package mutating func addFlood(_ flood: SynFloodReport, _ now: Instant) {
    add("listener", flood.local.text)
    add("since_ms", UInt64(clamping: now.since(flood.since).nanoseconds / 1_000_000))
    add("syns_per_second", UInt64(flood.synsPerSecond))
    add("syns", flood.syns)
    add("half_open", UInt64(flood.halfOpen))
    add("distinct_sources", flood.distinctSources)
    add("cookies_sent", flood.cookiesSent)
    add("cookies_returned", flood.cookiesReturned)
  }

  package mutating func addDatagramSocket(_ socket: DatagramSocketReport) {
    add("type", socket.isEcho ? "echo" : "datagram")
    add("local", socket.local.text)
    if let peer = socket.peer { add("remote", peer.text) }
    add("receive_queue", UInt64(socket.receiveQueue))
    add("receive_buffer", UInt64(socket.receiveBuffer))
    add("drops", socket.drops)
  }

  package mutating func addMemory(_ use: MemoryUse, _ budget: MemoryBudget) {
    add("held", UInt64(clamping: budget.held))
    add("high_water", UInt64(clamping: budget.highWater))
    add("limit", UInt64(clamping: budget.limit))
    add("pressure", "\(budget.pressure)")
    add("refusals", budget.refusals)
    for (name, octets) in use.named { add(name, UInt64(clamping: octets)) }
  }
}

extension MemoryUse {
  /// Who holds what; the sum is what is held.
  package var named: [(name: String, octets: Int)] {
    [
      ("stack", stack), ("recorder", recorder), ("listeners", listeners),
      ("datagram_sockets", datagramSockets), ("ports", ports), ("connections", connections),
      ("cold_blocks", coldBlocks), ("half_open", halfOpen), ("time_wait", timeWait),
      ("flow_tables", flowTables), ("sources", sources), ("timers", timers), ("destinations", destinations),
      ("answer_limits", answerLimits), ("fast_opens", fastOpens), ("replies", replies),
      ("neighbours", neighbours), ("groups", groups), ("reassembly", reassembly),
      ("sent_datagrams", sentDatagrams), ("send_queues", sendQueues), ("receive_queues", receiveQueues),
      ("scoreboards", scoreboards), ("send_records", sendRecords), ("datagrams_received", datagramsReceived),
      ("datagrams_to_send", datagramsToSend), ("neighbour_queues", neighbourQueues), ("fragments", fragments),
      ("spare_chunks", spareChunks), ("arena_list", arenaList),
    ]
  }
}
