package tensorboard

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of the protocol buffers, by their numbers in TensorFlow's
// event.proto, summary.proto, histogram.proto and tensor.proto.
const (
	eventWallTime       protowire.Number = 1
	eventStep           protowire.Number = 2
	eventFileVersion    protowire.Number = 3
	eventSummary        protowire.Number = 5
	eventSessionLog     protowire.Number = 7
	eventSourceMetadata protowire.Number = 10

	sourceWriter  protowire.Number = 1
	sessionStatus protowire.Number = 1
	summaryValue  protowire.Number = 1

	valueTag         protowire.Number = 1
	valueSimpleValue protowire.Number = 2
	valueHisto       protowire.Number = 5
	valueTensor      protowire.Number = 8
	valueMetadata    protowire.Number = 9

	histogramMin         protowire.Number = 1
	histogramMax         protowire.Number = 2
	histogramNum         protowire.Number = 3
	histogramSum         protowire.Number = 4
	histogramSumSquares  protowire.Number = 5
	histogramBucketLimit protowire.Number = 6
	histogramBucket      protowire.Number = 7

	tensorDType     protowire.Number = 1
	tensorShape     protowire.Number = 2
	tensorStringVal protowire.Number = 8

	metadataPluginData protowire.Number = 1
	pluginName         protowire.Number = 1
)

const (
	fileVersion  = "brain.Event:2"
	source       = "github.com/seed-140d0f39/gtg/adapters/tensorboard"
	sessionStart = 1 // SessionLog.START
	dtypeString  = 7 // DT_STRING
)

// encoder builds the values of one summary. Its space is used again and again.
type encoder struct {
	prefix  string // of every tag
	summary []byte
	value   []byte
	inner   []byte
	event   []byte
}

// scalar adds one number.
func (e *encoder) scalar(tag, name string, v float64) {
	e.tag(tag, name)
	e.value = protowire.AppendTag(e.value, valueSimpleValue, protowire.Fixed32Type)
	e.value = protowire.AppendFixed32(e.value, math.Float32bits(float32(v)))
	e.add()
}

// histogram adds one histogram.
func (e *encoder) histogram(tag string, h *histogram) {
	e.tag(tag, "")
	b := e.inner[:0]
	b = appendDouble(b, histogramMin, h.min)
	b = appendDouble(b, histogramMax, h.max)
	b = appendDouble(b, histogramNum, h.num)
	b = appendDouble(b, histogramSum, h.sum)
	b = appendDouble(b, histogramSumSquares, h.sumSquares)
	b = appendDoubles(b, histogramBucketLimit, h.limits)
	e.inner = appendDoubles(b, histogramBucket, h.counts)
	e.value = appendBytes(e.value, valueHisto, e.inner)
	e.add()
}

// text adds a text, which is Markdown, as a string tensor without dimensions.
func (e *encoder) text(tag, name, text string) {
	e.tag(tag, name)
	b := protowire.AppendTag(e.inner[:0], tensorDType, protowire.VarintType)
	b = protowire.AppendVarint(b, dtypeString)
	b = appendBytes(b, tensorShape, "")
	e.inner = appendBytes(b, tensorStringVal, text)
	e.value = appendBytes(e.value, valueTensor, e.inner)
	e.value = appendBytes(e.value, valueMetadata, textMetadata)
	e.add()
}

// textMetadata says that a value is for the text plugin. Its content is that
// plugin's own message, version 0, which is empty.
var textMetadata = appendBytes(nil, metadataPluginData, appendBytes(nil, pluginName, "text"))

// tag begins a value.
func (e *encoder) tag(tag, name string) {
	b := protowire.AppendTag(e.value[:0], valueTag, protowire.BytesType)
	length := len(e.prefix) + len(tag)
	if name != "" {
		length += 1 + len(name)
	}
	b = protowire.AppendVarint(b, uint64(length))
	b = append(append(b, e.prefix...), tag...)
	if name != "" {
		b = append(append(b, '/'), name...)
	}
	e.value = b
}

// add ends a value.
func (e *encoder) add() { e.summary = appendBytes(e.summary, summaryValue, e.value) }

// record appends the record of what was added, if anything was.
func (e *encoder) record(b []byte, wall float64, step int64) []byte {
	if len(e.summary) == 0 {
		return b
	}
	e.event = appendBytes(e.begin(wall, step), eventSummary, e.summary)
	e.summary = e.summary[:0]
	return appendRecord(b, e.event)
}

// version appends the first record of a file.
func (e *encoder) version(b []byte, wall float64) []byte {
	e.event = appendBytes(e.begin(wall, 0), eventFileVersion, fileVersion)
	e.event = appendBytes(e.event, eventSourceMetadata, appendBytes(nil, sourceWriter, source))
	return appendRecord(b, e.event)
}

// start appends the record that says that a run goes on at the step.
func (e *encoder) start(b []byte, wall float64, step int64) []byte {
	status := protowire.AppendVarint(protowire.AppendTag(nil, sessionStatus, protowire.VarintType), sessionStart)
	e.event = appendBytes(e.begin(wall, step), eventSessionLog, status)
	return appendRecord(b, e.event)
}

func (e *encoder) begin(wall float64, step int64) []byte {
	b := appendDouble(e.event[:0], eventWallTime, wall)
	if step != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, eventStep, protowire.VarintType), uint64(step))
	}
	return b
}

func appendBytes[T string | []byte](b []byte, field protowire.Number, v T) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return append(protowire.AppendVarint(b, uint64(len(v))), v...)
}

// appendDouble leaves out 0, the value that a field has when it is not there.
func appendDouble(b []byte, field protowire.Number, v float64) []byte {
	bits := math.Float64bits(v)
	if bits == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), bits)
}

func appendDoubles(b []byte, field protowire.Number, values []float64) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(8*len(values)))
	for _, v := range values {
		b = protowire.AppendFixed64(b, math.Float64bits(v))
	}
	return b
}
