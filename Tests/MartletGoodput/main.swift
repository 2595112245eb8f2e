import MartletTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

// What Tools/goodput runs. Cells are independent: as many at a time as it is told.

let usage = """
  usage: MartletGoodput algorithms              their names
         MartletGoodput default                 the one that new connections start with
         MartletGoodput cells ALGORITHM         the names of all cells of one
         MartletGoodput line NAME               measures a cell: its line
         MartletGoodput table ALGORITHM         the table of its lines, which standard input brings in their order
         MartletGoodput named [JOBS]            the lines of the named cells, each behind its name and a tab
         MartletGoodput cell NAME...            the same for these
         MartletGoodput trace NAME [STEPS]      what the first connection does, step by step
         MartletGoodput fairness NAME SECONDS   Jain's index of the second half, if the cell lasted longer and longer
         MartletGoodput packets NAME FROM TO    every packet between two milliseconds
         MartletGoodput records NAME FROM TO    the sender's flight recorder between two milliseconds
  """

let arguments = Array(CommandLine.arguments.dropFirst())
do {
  switch (arguments.first, arguments.count) {
  case ("algorithms", 1):
    for algorithm in CongestionControl.allCases { print("\(algorithm)") }
  case ("default", 1):
    print("\(TCPConfiguration().congestionControl)")
  case ("cells", 2):
    for cell in try Cell.all(algorithm(arguments[1])) { print(cell.name) }
  case ("line", 2):
    for line in try await measure([cell(arguments[1])], jobs: 1) { print(line.text) }
  case ("table", 2):
    print(try Table(algorithm(arguments[1])) { readLine() }.text)
  case ("named", 1...2):
    for line in try await measure(Cell.named, jobs: jobs(1)) { print("\(line.cell.name)\t\(line.text)") }
  case ("cell", 2...):
    let cells = try arguments.dropFirst().map { try cell($0) }
    print(Line.heading)
    for cell in cells {
      for line in try await measure([cell], jobs: 1) { print("\(line.text)") }
    }
  case ("trace", 2...3):
    var run = try CellRun(cell(arguments[1]))
    try run.trace(steps: arguments.count > 2 ? Int64(arguments[2]) ?? 100 : 100)
  case ("fairness", 3):
    var run = try CellRun(cell(arguments[1]))
    try run.printFairness(seconds: Int64(arguments[2]) ?? 100)
  case ("records", 4):
    var run = try CellRun(cell(arguments[1]), records: 65_536)
    try run.printRecords(from: Int64(arguments[2]) ?? 0, to: Int64(arguments[3]) ?? 0)
  case ("packets", 4):
    var run = try CellRun(cell(arguments[1]))
    try run.printPackets(from: Int64(arguments[2]) ?? 0, to: Int64(arguments[3]) ?? 0)
  default:
    print(usage)
    exit(64)
  }
} catch let unknown as UnknownName {
  print("There is no \(unknown.name): a cell is ALGORITHM/MBIT/RTT/LOSS/REORDERING/QUEUE/FLOWS.")
  exit(64)
} catch let missing as Table.MissingLine {
  print("The line of \(missing.cell.name) is missing.")
  exit(65)
}

func jobs(_ place: Int) -> Int {
  arguments.count > place ? max(Int(arguments[place]) ?? 1, 1) : 1
}

func algorithm(_ name: String) throws -> CongestionControl {
  guard let algorithm = CongestionControl.allCases.first(where: { "\($0)" == name }) else {
    throw UnknownName(name)
  }
  return algorithm
}

func cell(_ name: String) throws -> Cell {
  guard let cell = Cell(name: name) else { throw UnknownName(name) }
  return cell
}

struct UnknownName: Error {
  let name: String

  init(_ name: String) { self.name = name }
}
