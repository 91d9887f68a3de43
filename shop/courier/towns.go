package courier

import (
	"math/rand/v2"
	"strings"
)

// spot is a place, in degrees.
type spot struct {
	name     string
	lat, lon float64
}

// land is a country's towns, that of its largest hub first.
type land struct{ towns []spot }

// town is where a parcel to that city ends: the city if it is known, else some
// town there.
func (l land) town(city string, dice *rand.Rand) spot {
	for _, t := range l.towns {
		if strings.EqualFold(t.name, strings.TrimSpace(city)) {
			return t
		}
	}
	return l.towns[dice.IntN(len(l.towns))]
}

func country(code string) land {
	if towns, ok := lands[strings.ToUpper(code)]; ok {
		return land{towns}
	}
	return land{[]spot{{"Leipzig", 51.42, 12.24}, {"Dubai", 25.25, 55.36}, {"Singapore", 1.36, 103.99}}}
}

// hubs are where parcels change from one aeroplane into another.
var hubs = []spot{
	{"Leipzig", 51.42, 12.24}, {"Dubai", 25.25, 55.36}, {"Singapore", 1.36, 103.99}, {"Hong Kong", 22.31, 113.91}, {"Memphis", 35.04, -89.98}, {"Liège", 50.64, 5.44}, {"Nairobi", -1.32, 36.93}, {"São Paulo", -23.43, -46.47},
}

// farApart is when two hubs need one between them, in degrees.
const farApart = 40

// between is the hub nearest to the middle of a long way.
func between(a, b spot) (spot, bool) {
	if gap(a, b) < farApart*farApart {
		return spot{}, false
	}
	middle := spot{lat: (a.lat + b.lat) / 2, lon: (a.lon + b.lon) / 2}
	best := hubs[0]
	for _, h := range hubs {
		if gap(h, middle) < gap(best, middle) {
			best = h
		}
	}
	return best, best != a && best != b
}

func gap(a, b spot) float64 { return (a.lat-b.lat)*(a.lat-b.lat) + (a.lon-b.lon)*(a.lon-b.lon) }

// lands are the countries that the courier knows its way in.
var lands = map[string][]spot{
	"AE": {{"Dubai", 25.25, 55.36}, {"Abu Dhabi", 24.45, 54.38}, {"Sharjah", 25.35, 55.42}},
	"AR": {{"Buenos Aires", -34.60, -58.38}, {"Córdoba", -31.42, -64.18}, {"Rosario", -32.95, -60.66}},
	"AT": {{"Vienna", 48.21, 16.37}, {"Linz", 48.31, 14.29}, {"Graz", 47.07, 15.44}},
	"AU": {{"Sydney", -33.87, 151.21}, {"Melbourne", -37.81, 144.96}, {"Brisbane", -27.47, 153.03}},
	"BE": {{"Liège", 50.64, 5.44}, {"Brussels", 50.85, 4.35}, {"Ghent", 51.05, 3.72}},
	"BH": {{"Manama", 26.23, 50.59}, {"Muharraq", 26.26, 50.61}, {"Riffa", 26.13, 50.55}},
	"BR": {{"São Paulo", -23.43, -46.47}, {"Rio de Janeiro", -22.91, -43.17}, {"Belo Horizonte", -19.92, -43.94}},
	"CA": {{"Toronto", 43.65, -79.38}, {"Montreal", 45.50, -73.57}, {"Vancouver", 49.28, -123.12}},
	"CH": {{"Zurich", 47.38, 8.54}, {"Bern", 46.95, 7.45}, {"Geneva", 46.20, 6.14}},
	"CN": {{"Shanghai", 31.23, 121.47}, {"Guangzhou", 23.13, 113.26}, {"Beijing", 39.90, 116.41}},
	"DE": {{"Leipzig", 51.42, 12.24}, {"Berlin", 52.52, 13.40}, {"Cologne", 50.94, 6.96}, {"Munich", 48.14, 11.58}},
	"DK": {{"Copenhagen", 55.68, 12.57}, {"Aarhus", 56.16, 10.20}, {"Odense", 55.40, 10.39}},
	"EG": {{"Cairo", 30.04, 31.24}, {"Alexandria", 31.20, 29.92}, {"Giza", 30.01, 31.21}},
	"ES": {{"Madrid", 40.42, -3.70}, {"Barcelona", 41.39, 2.17}, {"Seville", 37.39, -5.98}},
	"FR": {{"Paris", 48.86, 2.35}, {"Lyon", 45.76, 4.84}, {"Marseille", 43.30, 5.37}},
	"GB": {{"London", 51.51, -0.13}, {"Birmingham", 52.49, -1.89}, {"Leeds", 53.80, -1.55}, {"Manchester", 53.48, -2.24}},
	"HK": {{"Hong Kong", 22.31, 113.91}, {"Kowloon", 22.32, 114.17}, {"Sha Tin", 22.38, 114.19}},
	"ID": {{"Jakarta", -6.21, 106.85}, {"Semarang", -6.97, 110.42}, {"Surabaya", -7.26, 112.75}, {"Bandung", -6.92, 107.62}, {"Yogyakarta", -7.80, 110.37}},
	"IE": {{"Dublin", 53.35, -6.26}, {"Athlone", 53.42, -7.94}, {"Cork", 51.90, -8.47}},
	"IN": {{"Delhi", 28.61, 77.21}, {"Mumbai", 19.08, 72.88}, {"Bengaluru", 12.97, 77.59}},
	"IQ": {{"Baghdad", 33.31, 44.37}, {"Basra", 30.51, 47.78}, {"Erbil", 36.19, 44.01}},
	"IT": {{"Milan", 45.46, 9.19}, {"Bologna", 44.49, 11.34}, {"Rome", 41.90, 12.50}},
	"JO": {{"Amman", 31.95, 35.93}, {"Zarqa", 32.07, 36.09}, {"Irbid", 32.56, 35.85}},
	"JP": {{"Tokyo", 35.68, 139.69}, {"Nagoya", 35.18, 136.91}, {"Osaka", 34.69, 135.50}},
	"KE": {{"Nairobi", -1.32, 36.93}, {"Mombasa", -4.04, 39.67}, {"Kisumu", -0.09, 34.77}},
	"KR": {{"Seoul", 37.57, 126.98}, {"Daejeon", 36.35, 127.38}, {"Busan", 35.18, 129.08}},
	"KW": {{"Kuwait City", 29.38, 47.98}, {"Hawalli", 29.33, 48.03}, {"Jahra", 29.34, 47.66}},
	"LB": {{"Beirut", 33.89, 35.50}, {"Sidon", 33.56, 35.38}, {"Tripoli", 34.44, 35.83}},
	"MA": {{"Casablanca", 33.57, -7.59}, {"Rabat", 34.02, -6.84}, {"Marrakesh", 31.63, -7.99}},
	"MX": {{"Mexico City", 19.43, -99.13}, {"Guadalajara", 20.67, -103.35}, {"Monterrey", 25.69, -100.32}},
	"MY": {{"Kuala Lumpur", 3.14, 101.69}, {"Penang", 5.41, 100.33}, {"Johor Bahru", 1.49, 103.74}},
	"NG": {{"Lagos", 6.52, 3.38}, {"Ibadan", 7.38, 3.95}, {"Abuja", 9.06, 7.49}},
	"NL": {{"Amsterdam", 52.37, 4.90}, {"Utrecht", 52.09, 5.12}, {"Rotterdam", 51.92, 4.48}},
	"NO": {{"Oslo", 59.91, 10.75}, {"Bergen", 60.39, 5.32}, {"Trondheim", 63.43, 10.40}},
	"NZ": {{"Auckland", -36.85, 174.76}, {"Wellington", -41.29, 174.78}, {"Christchurch", -43.53, 172.64}},
	"OM": {{"Muscat", 23.59, 58.41}, {"Sohar", 24.36, 56.75}, {"Salalah", 17.02, 54.09}},
	"PH": {{"Manila", 14.60, 120.98}, {"Cebu", 10.32, 123.89}, {"Davao", 7.19, 125.46}},
	"PK": {{"Karachi", 24.86, 67.00}, {"Lahore", 31.55, 74.34}, {"Islamabad", 33.68, 73.05}},
	"PL": {{"Warsaw", 52.23, 21.01}, {"Łódź", 51.76, 19.46}, {"Kraków", 50.06, 19.94}},
	"PT": {{"Lisbon", 38.72, -9.14}, {"Coimbra", 40.20, -8.41}, {"Porto", 41.16, -8.63}},
	"QA": {{"Doha", 25.29, 51.53}, {"Al Rayyan", 25.29, 51.42}, {"Al Wakrah", 25.17, 51.60}},
	"SA": {{"Riyadh", 24.71, 46.68}, {"Jeddah", 21.49, 39.19}, {"Dammam", 26.42, 50.09}, {"Medina", 24.52, 39.57}},
	"SE": {{"Stockholm", 59.33, 18.07}, {"Jönköping", 57.78, 14.16}, {"Gothenburg", 57.71, 11.97}},
	"SG": {{"Singapore", 1.36, 103.99}, {"Jurong", 1.33, 103.74}, {"Tampines", 1.35, 103.94}},
	"TH": {{"Bangkok", 13.76, 100.50}, {"Nakhon Sawan", 15.70, 100.14}, {"Chiang Mai", 18.79, 98.98}},
	"TR": {{"Istanbul", 41.01, 28.98}, {"Bursa", 40.19, 29.06}, {"Ankara", 39.93, 32.86}},
	"TW": {{"Taipei", 25.03, 121.57}, {"Taichung", 24.15, 120.67}, {"Kaohsiung", 22.63, 120.30}},
	"US": {{"Memphis", 35.04, -89.98}, {"Chicago", 41.88, -87.63}, {"New York", 40.71, -74.01}, {"Los Angeles", 34.05, -118.24}, {"Austin", 30.27, -97.74}},
	"VN": {{"Ho Chi Minh City", 10.82, 106.63}, {"Da Nang", 16.05, 108.22}, {"Hanoi", 21.03, 105.85}},
	"ZA": {{"Johannesburg", -26.20, 28.05}, {"Bloemfontein", -29.09, 26.16}, {"Cape Town", -33.92, 18.42}},
}
