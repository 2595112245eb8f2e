import MartletStack
import MartletTCP
import MartletTrace

/// Flight records that a client has not been told of yet, copied between two batches of packets.
struct RecordPage: Sendable {
  struct Row: Sendable {
    var number: UInt64
    var record: FlightRecorder.Record
    /// Whose its flow's number is now, for one whose name the recorder has forgotten.
    var flow: TraceFlow?
  }

  private(set) var rows: [Row] = []
  /// Overwritten before they could be read.
  private(set) var lost: UInt64 = 0
  private(set) var next: UInt64 = 0
  private(set) var isOff = false
  /// There may be more.
  var isFull: Bool { rows.count >= Self.mostRows }

  private static let mostRows = 1_024

  /// - Parameter from: nil: those that are still to come.
  init(of stack: borrowing NetworkStack, from: UInt64?) {
    let capacity = stack.limit(.recorder)
    isOff = capacity == 0
    let end = stack.recordsWritten
    // The recorder was changed for another, which counts from zero.
    next = from.map { $0 > end ? 0 : $0 } ?? end
    let oldest = end > capacity ? end - capacity : 0
    // A number from the past is no loss: nobody has asked for it before.
    if next < oldest {
      lost = from == 0 ? 0 : oldest - next
      next = oldest
    }
    while next < end, rows.count < Self.mostRows {
      if let record = stack.record(next) {
        rows.append(Row(number: next, record: record, flow: stack.flow(ofRecordFlow: record.flow)))
      }
      next += 1
    }
  }
}

/// Where a client stands in the records of one loop, and whose they are.
struct RecordReader {
  private(set) var next: UInt64?
  private var names = FlowNames()

  /// - Parameter from: nil: those that are still to come.
  init(from next: UInt64?) { self.next = next }

  /// The records as lines of JSON.
  mutating func lines(of page: RecordPage, _ language: Language, shard: Int?) -> String {
    // Another recorder has other names.
    if let next, page.next < next { names = FlowNames() }
    next = page.next
    var text = ""
    if page.lost > 0 {
      var object = JSONObject()
      object.add("type", "lost")
      object.add("records", page.lost)
      text += object.text + "\n"
    }
    for row in page.rows {
      let flow = names.take(row.record) ?? row.flow
      if row.record.rule.isName { continue }
      var line = row.record.json(language)
      line.removeLast()
      line += ",\"number\":\(row.number)"
      if let flow {
        line += ",\"local\":\(JSONObject.quoted(flow.local.text)),"
        line += "\"remote\":\(JSONObject.quoted(flow.remote.text))"
      }
      if let shard { line += ",\"shard\":\(shard)" }
      text += line + "}\n"
    }
    return text
  }
}
